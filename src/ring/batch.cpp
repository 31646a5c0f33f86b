// Several items under one hold of a lock.
#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>

#include "ring/ring_locks.hpp"
#include "ring/ring_waits.hpp"

namespace shoal::ring {
namespace {

// How much is put, or taken, under one hold: others wait meanwhile.
constexpr std::uint64_t kMostAtOnce = 64UL * 1024;
// And how much is put by one store: consumers wait meanwhile, too.
constexpr std::uint64_t kMostInRun = 8UL * 1024;

constexpr std::uint64_t in_whole_units(std::uint64_t bytes) noexcept {
  return (bytes + kUnit - 1) / kUnit * kUnit;
}

void copy_in(Parts payload, std::byte* place) noexcept {
  for (const auto& part : payload) {
    if (part.size() == kUnit) {
      std::memcpy(place, part.data(), kUnit);  // a size that is known is faster
    } else if (!part.empty()) {
      std::memcpy(place, part.data(), part.size());
    }
    place += part.size();
  }
}

// Also where an exception ends it.
template <class Body>
class OnReturn {
 public:
  explicit OnReturn(Body body) : body_(body) {}
  OnReturn(const OnReturn&) = delete;
  OnReturn& operator=(const OnReturn&) = delete;
  ~OnReturn() { body_(); }

 private:
  Body body_;
};

bool is_far(const Item& item) noexcept {
  return item.parcel == nullptr && size_of(item.payload) >= kFarFrom;
}

}  // namespace

bool Ring::put_many(std::span<const Item> items, os::Deadline deadline, std::size_t& done) {
  done = 0;
  while (done < items.size()) {
    const auto rest = items.subspan(done);
    const auto far = std::ranges::find_if(rest, is_far) - rest.begin();
    std::size_t put = 0;
    const OnReturn add([&] { done += put; });
    if (far == 0) {
      if (!this->put(rest[0].payload, rest[0].encoding, deadline)) return false;
      put = 1;
    } else if (!put_near_many(rest.first(static_cast<std::size_t>(far)), deadline, put)) {
      return false;
    }
  }
  return true;
}

bool Ring::put_near_many(std::span<const Item> items, os::Deadline deadline, std::size_t& done) {
  std::uint64_t bytes = 0;  // of the next
  return put_until(deadline, bytes, [&](const Patience& patience) {
    for (;;) {
      const Put result = try_put_many(items.subspan(done), patience, done);
      if (result != Put::kDone || done == items.size()) {
        if (done < items.size()) bytes = size_of(items[done].payload);
        return result;
      }
    }
  });
}

// Adds to `done`. kDone: some were put, and there is nothing to wait for.
Put Ring::try_put_many(std::span<const Item> items, const Patience& patience, std::size_t& done) {
  for (const Item& item : items.first(std::min<std::size_t>(items.size(), 1))) {
    check(size_of(item.payload), item.parcel);
  }
  const std::size_t before = done;
  Put result = Put::kDone;
  const OnReturn tell([&] {
    if (done != before) shm::Parking(words_.not_empty).notify();
  });
  {
    const LockGuard lock(*this, words_.producers, patience);
    if (!lock) return Put::kBusy;
    if (lock.from_dead()) repair();
    std::uint64_t sum = 0;
    while (!items.empty() && sum <= kMostAtOnce) {
      Run run = append_run(items);
      if (run.items == 0) {
        const Item& item = items.front();
        // One that has to be checked comes by itself.
        const bool to_check = item.parcel != nullptr || max_bytes_ != 0;
        if (done != before && to_check) break;
        const Header header = Header::record(size_of(item.payload), item.encoding);
        result = append({item.payload, header, item.parcel}, patience.room);
        if (result != Put::kDone) break;
        run = {1, header.units()};
      }
      sum += run.units * kUnit;
      items = items.subspan(run.items);
      done += run.items;
    }
  }
  lower_what_others_could_not();
  return result;
}

// As many of the first as find room without a link, by one store. None where that is less than two,
// or where each is to be looked at by itself.
Ring::Run Ring::append_run(std::span<const Item> items) {
  if (items.size() < 2 || max_bytes_ != 0 || shut() != Shut::kNo) return {};
  repair_if_needed();
  const Position tail = this->tail();
  const std::uint64_t most_units = std::min(run_of_units(tail), kMostInRun / kUnit);
  const std::uint64_t most_items = std::min<std::uint64_t>(items.size(), run_of_items(tail));
  // Behind the zero header at the tail nobody looks.
  std::byte* const first = segment_->at(tail.unit() * kUnit, (most_units + 1) * kUnit);
  Run run;
  Header commit(0);
  for (const Item& item : items.first(most_items)) {
    const Header header = Header::record(size_of(item.payload), item.encoding);
    if (item.parcel != nullptr || header.units() > most_units - run.units) break;
    std::byte* const record = first + run.units * kUnit;
    if (run.items == 0) {
      commit = header;
    } else {
      reinterpret_cast<shm::Word*>(record)->store(header.word(), std::memory_order_relaxed);
    }
    copy_in(item.payload, record + kUnit);
    run.units += header.units();
    ++run.items;
  }
  if (run.items < 2) return {};
  reinterpret_cast<shm::Word*>(first + run.units * kUnit)->store(0, std::memory_order_relaxed);
  if (signal() == Signal::kLowered) [[unlikely]]
    raise_signal();
  // The commit of all. Pairs with the acquiring load of the header in take_many() and has_item().
  reinterpret_cast<shm::Word*>(first)->store(commit.word(), std::memory_order_release);
  move_tail(tail.past(run.units, run.items), 0);
  return run;
}

// Units behind the tail that are free, but for the zero header at their end. The unit before the
// head stays free, too.
std::uint64_t Ring::run_of_units(Position tail) {
  const Block block = block_of(tail.unit());
  const std::uint64_t head_unit = Position(words_.seen_head.load(std::memory_order_relaxed)).unit();
  const bool ahead = block.holds(head_unit) && head_unit > tail.unit();
  return (ahead ? head_unit : block.end) - tail.unit() - 1;
}

// Items that max_items, or the most that can be counted, leaves room for; as last seen.
std::uint64_t Ring::run_of_items(Position tail) {
  const bool countless = words_.max_items == 0 || words_.max_items > kMostItems;
  const std::uint64_t most = countless ? kMostItems : words_.max_items;
  const std::uint64_t count =
      items_between(Position(words_.seen_head.load(std::memory_order_relaxed)), tail);
  return count < most ? most - count : 0;
}

Get Ring::get_many(std::span<std::byte> room, std::size_t most, std::vector<Slice>& slices,
                   os::Deadline deadline) {
  return get_until(deadline,
                   [&] { return try_get_many(room, most, slices, {.deadline = deadline}); });
}

Get Ring::try_get_many(std::span<std::byte> room, std::size_t most, std::vector<Slice>& slices,
                       const Patience& patience) {
  slices.clear();
  if (hands_) [[unlikely]]
    return look_for_batch(patience);
  Get result = look(patience);
  if (result != Get::kDone) return result;
  {
    const ConsumerGuard lock(*this, patience);
    if (!lock) return Get::kBusy;
    result = take_many(room, most, slices);
  }
  if (result == Get::kDone) tell_producers();
  give_back_if_drained();
  lower_what_others_could_not();
  return result;
}

// They are all taken by the one store of the head at the end. Where memory for `slices` runs out,
// nothing was taken.
Get Ring::take_many(std::span<std::byte> room, std::size_t most, std::vector<Slice>& slices) {
  const Position first = head();
  Position head = first;
  std::uint64_t used = 0;
  std::uint64_t bytes = 0;
  for (; slices.size() < most && used < kMostAtOnce;) {
    Header header(header_at(head.unit()).load(std::memory_order_acquire));
    if (header.kind() != Header::Kind::kRecord) {
      if (!follow_links(head)) break;
      header = Header(header_at(head.unit()).load(std::memory_order_acquire));
    }
    if (is_parcel(header.encoding()) || header.is_far()) {
      if (slices.empty()) return Get::kAlone;
      break;
    }
    const std::byte* payload = segment_->at((head.unit() + 1) * kUnit, header.bytes());
    if (header.bytes() > room.size() - std::min<std::uint64_t>(used, room.size())) {
      if (!slices.empty()) break;
      slices.push_back({0, header.bytes(), header.encoding()});
      return Get::kTooSmall;
    }
    slices.push_back({used, header.bytes(), header.encoding()});
    if (header.bytes() == kUnit) {
      std::memcpy(room.data() + used, payload, kUnit);
    } else if (header.bytes() != 0) {
      std::memcpy(room.data() + used, payload, header.bytes());
    }
    used += in_whole_units(header.bytes());
    bytes += header.bytes();
    head = head.past(header.units());
  }
  if (slices.empty()) return Get::kEmpty;
  if (witness_ != nullptr) witness_->store(first.items(), std::memory_order_relaxed);
  if (tally_) tally_.taking(os::self(), first.items(), slices.size());
  move_head(head, bytes);
  if (tally_) tally_.taken(os::self());
  return Get::kDone;
}

}  // namespace shoal::ring
