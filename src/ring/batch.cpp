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

constexpr std::uint64_t in_whole_units(std::uint64_t bytes) noexcept {
  return (bytes + kUnit - 1) / kUnit * kUnit;
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
    for (const Item& item : items) {
      const std::uint64_t bytes = size_of(item.payload);
      sum += bytes + kUnit;
      // The others wait meanwhile, and an item that has to be checked comes by itself.
      const bool to_check = item.parcel != nullptr || max_bytes_ != 0;
      if (done != before && (sum > kMostAtOnce || to_check)) break;
      result =
          append({item.payload, Header::record(bytes, item.encoding), item.parcel}, patience.room);
      if (result != Put::kDone) break;
      ++done;
    }
  }
  lower_what_others_could_not();
  return result;
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
    if (!follow_links(head)) break;
    const Header header(header_at(head.unit()).load(std::memory_order_acquire));
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
