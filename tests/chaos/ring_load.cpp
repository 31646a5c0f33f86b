#include "ring_load.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>
#include <span>
#include <unordered_map>
#include <vector>

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kLargest = 2U << 20U;
constexpr std::uint64_t kBacklog = 20'000;   // items: enough to grow into new blocks
constexpr std::uint64_t kLargeBacklog = 24;  // with large records
constexpr std::uint64_t kLargestBatch = 30;
constexpr std::uint64_t kMostInHand = 5;  // of items that are to be ended

// A burst of these makes a ring larger than what it keeps in any case.
constexpr std::uint64_t kBurst = 120;
constexpr std::uint64_t kLeastOfBurst = 40'000;
constexpr std::uint64_t kMostOfBurst = 90'000;

// The bytes behind an id, made once per process: a stretch of one long pattern, which begins where
// the id says.
const std::vector<std::uint64_t>& pattern() {
  static const std::vector<std::uint64_t> words = [] {
    std::vector<std::uint64_t> made(kLargest / 8 + 2048);
    std::uint64_t state = 88172645463325252ULL;
    for (auto& word : made) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      word = state;
    }
    return made;
  }();
  return words;
}

const std::byte* pattern_of(std::uint64_t id) {
  return reinterpret_cast<const std::byte*>(pattern().data() + (id * 7 + (id >> 32U) * 31) % 2000);
}

void note(Ledger& ledger, std::uint64_t number, std::uint64_t id) {
  if (ledger.got.at(number).exchange(id) != 0) ++ledger.faults.doubled;
}

std::uint64_t id_in(Ledger& ledger, std::span<const std::byte> bytes) {
  std::uint64_t id = 0;
  if (bytes.size() < sizeof id) {
    ++ledger.faults.torn;
    return 0;
  }
  std::memcpy(&id, bytes.data(), sizeof id);
  const auto rest = bytes.subspan(sizeof id);
  if (std::memcmp(rest.data(), pattern_of(id), rest.size()) != 0) ++ledger.faults.torn;
  return id;
}

void nap(Random& random) { ::usleep(static_cast<useconds_t>(draw(random, 0, 400))); }

// Some that were lent are given back, and others asked for. Where all extents are in use it goes as
// others do.
bool put_in_place(ring::Ring& ring, std::uint64_t id, std::uint64_t size, Random& random) {
  ring::Lent lent;
  do {
    lent = ring::Lent();
    if (!ring.lend(size, os::Deadline::after(kDeadline), lent)) {
      return put_item(ring, id, size, os::Deadline::after(kDeadline));
    }
    std::memcpy(lent.bytes().data(), &id, sizeof id);
    std::memcpy(lent.bytes().data() + sizeof id, pattern_of(id), size - sizeof id);
    if (once_in(random, 4)) nap(random);
  } while (once_in(random, 4));
  return ring.put_lent(lent, size, ring::Encoding::kPickle, os::Deadline::after(kDeadline));
}

// What a consumer reads where it stands: it stays as it is until that gives it back.
class Views {
 public:
  Views(Ledger& ledger, Random& random) : ledger_(ledger), random_(random) {}

  void keep(ring::Lent&& view, std::uint64_t id) {
    if (view) kept_.push_back({std::move(view), id});
    if (kept_.empty() || (kept_.size() < kMost && once_in(random_, 3))) return;
    if (once_in(random_, 4)) nap(random_);
    auto& any = kept_[draw(random_, 0, kept_.size() - 1)];
    if (id_in(ledger_, any.view.bytes()) != any.id) ++ledger_.faults.torn;
    std::swap(any, kept_.back());
    kept_.pop_back();
  }

 private:
  static constexpr std::size_t kMost = 3;
  struct Kept {
    ring::Lent view;
    std::uint64_t id = 0;
  };
  Ledger& ledger_;
  Random& random_;
  std::vector<Kept> kept_;
};

// ------------------------------------------------------------------ a producer

class Producer {
 public:
  explicit Producer(const Place& place)
      : place_(place), random_(place.seed), mine_(place.ledger.lives[place.life]) {
    mine_.producer = true;
  }

  // False where it is stuck.
  bool live() {
    for (std::uint64_t turn = 0; !place_.ledger.over; ++turn) {
      hold_back(turn);
      const std::uint64_t most = place_.load.batches ? draw(random_, 1, kLargestBatch) : 1;
      if (!(most == 1 ? put_one() : put_batch(most))) return false;
      ++mine_.turns;
    }
    return true;
  }

 private:
  void hold_back(std::uint64_t turn) {
    const Load& load = place_.load;
    const auto pause_while = [&](auto holds) {
      for (; holds() && !place_.ledger.over; ++mine_.turns) ::usleep(100);
    };
    if (load.bursts) {
      if (turn % kBurst == 0) pause_while([&] { return !place_.ring.empty(); });
    } else if (turn % 16 == 0 && load.max_items == 0 && load.max_bytes == 0) {
      const std::uint64_t most = load.large_once != 0 || load.far ? kLargeBacklog : kBacklog;
      pause_while([&] { return place_.ring.items() > most; });
    }
  }

  std::uint64_t size_of_next() {
    const Load& load = place_.load;
    if (load.far) return draw(random_, 8, 8ULL << draw(random_, 0, 17));
    if (load.bursts) return draw(random_, kLeastOfBurst, kMostOfBurst);
    if (load.large_once != 0 && once_in(random_, load.large_once)) {
      return draw(random_, 64 * 1024, kLargest);
    }
    return draw(random_, 8, 100);
  }

  bool put_one() {
    const std::uint64_t count = mine_.done;
    const std::uint64_t size = size_of_next();
    mine_.begun.store(count + 1, std::memory_order_release);
    const std::uint64_t id = id_of(place_.life, count);
    const bool in_place = place_.load.far && once_in(random_, 2);
    if (!(in_place ? put_in_place(place_.ring, id, size, random_)
                   : put_item(place_.ring, id, size, os::Deadline::after(kDeadline)))) {
      return false;
    }
    mine_.done.store(count + 1, std::memory_order_release);
    return true;
  }

  bool put_batch(std::uint64_t most) {
    const std::uint64_t count = mine_.done;
    std::array<std::uint64_t, kLargestBatch> ids{};
    std::array<std::array<std::span<const std::byte>, 2>, kLargestBatch> parts;
    std::array<ring::Item, kLargestBatch> items{};
    for (std::size_t i = 0; i < most; ++i) {
      ids.at(i) = id_of(place_.life, count + i);
      parts.at(i) = {std::as_bytes(std::span(&ids.at(i), 1)),
                     std::span(pattern_of(ids.at(i)), size_of_next() - sizeof ids[0])};
      items.at(i).payload = parts.at(i);
    }
    mine_.begun.store(count + most, std::memory_order_release);
    std::size_t done = 0;
    const auto note_them = [&] { mine_.done.store(count + done, std::memory_order_release); };
    try {
      const auto those = std::span(items).first(most);
      place_.ring.put_many(those, os::Deadline::after(kDeadline), done);
    } catch (const ShutDown&) {
      note_them();
      throw;
    }
    note_them();
    return done == most;
  }

  const Place& place_;
  Random random_;
  Life& mine_;
};

// ------------------------------------------------------------------ a consumer

class Consumer {
 public:
  explicit Consumer(const Place& place)
      : place_(place),
        random_(place.seed),
        mine_(place.ledger.lives[place.life]),
        views_(place.ledger, random_),
        room_(place.load.batches ? 2 * kLargest : kLargest) {
    will_take(1);
    place.ring.set_witness(&mine_.witness);
    if (place.load.by_descriptor) readable_ = place.ring.signal_descriptor();
  }

  // False where it is stuck.
  bool live() {
    for (;;) {
      if (place_.load.bursts) place_.words.grown_at = 0;  // long ago: memory may be given back
      // Who has asked for the signal may as well sleep in a get.
      const bool polls = readable_ != -1 && !once_in(random_, 4);
      if (polls && !wait_readable()) return false;
      const auto patience = polls ? os::Deadline::now() : os::Deadline::after(kDeadline);
      if (!(place_.load.batches && !once_in(random_, 4) ? take_many(patience) : take(patience))) {
        if (!polls) return false;
        continue;  // raised for an item that another took
      }
      if (place_.load.joinable) end_some();
      ++mine_.turns;
    }
  }

 private:
  bool wait_readable() const {
    constexpr int kMilliseconds = 1000 * static_cast<int>(kDeadline.count());
    pollfd asked{readable_, POLLIN, 0};
    return ::poll(&asked, 1, kMilliseconds) == 1;
  }

  void will_take(std::uint64_t most) {
    mine_.witness.store(kNothing, std::memory_order_release);
    mine_.wanted.store(most, std::memory_order_release);
  }

  bool take(os::Deadline deadline) {
    will_take(1);
    ring::Lent view;
    const bool in_place = place_.load.far && once_in(random_, 2);
    const auto number = get_item(place_.ring, place_.ledger, deadline, in_place ? &view : nullptr);
    if (!number) return false;
    got(place_.ledger.got[*number]);
    views_.keep(std::move(view), place_.ledger.got[*number]);
    return true;
  }

  // Its items have the numbers from that of the first on, which the ring has noted. A large one
  // comes by itself.
  bool take_many(os::Deadline deadline) {
    const std::uint64_t most = draw(random_, 1, kLargestBatch);
    will_take(most);
    const auto result = place_.ring.get_many(room_, most, slices_, deadline);
    if (result == ring::Get::kAlone) return take(deadline);
    if (result != ring::Get::kDone) return false;
    const std::uint64_t first = mine_.witness;
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      const auto bytes = std::span(room_).subspan(slices_[i].offset, slices_[i].bytes);
      const std::uint64_t id = id_in(place_.ledger, bytes);
      note(place_.ledger, first + i, id);
      got(id);
    }
    return true;
  }

  void got(std::uint64_t id) {
    auto& before = latest_[life_of(id)];  // count + 1
    if (count_of(id) < before) ++place_.ledger.faults.disordered;
    before = count_of(id) + 1;
    mine_.done.fetch_add(1, std::memory_order_release);
  }

  // Some more without waiting, so that it never waits with any in its hand; then all are ended.
  void end_some() {
    const std::uint64_t more = draw(random_, 0, kMostInHand - 1);
    for (std::uint64_t i = 0; i < more && take(os::Deadline::now()); ++i) {
    }
    while (mine_.ended < mine_.done) {
      ++mine_.begun;
      place_.ring.end_item();
      ++mine_.ended;
    }
  }

  const Place& place_;
  Random random_;
  Life& mine_;
  Views views_;
  std::vector<std::byte> room_;
  std::vector<ring::Slice> slices_;
  std::unordered_map<std::uint64_t, std::uint64_t> latest_;  // of each producer
  int readable_ = -1;
};

}  // namespace

bool put_item(ring::Ring& ring, std::uint64_t id, std::uint64_t size, os::Deadline deadline) {
  const std::array<std::span<const std::byte>, 2> parts{
      std::as_bytes(std::span(&id, 1)), std::span(pattern_of(id), size - sizeof id)};
  return ring.put(parts, ring::Encoding::kPickle, deadline);
}

std::optional<std::uint64_t> get_item(ring::Ring& ring, Ledger& ledger, os::Deadline deadline,
                                      ring::Lent* view) {
  static std::vector<std::byte> memory(kLargest);
  ring::Room room(memory);
  room.in_place = view != nullptr;
  ring::Record record;
  if (ring.get(room, record, deadline) != ring::Get::kDone) return std::nullopt;
  note(ledger, record.number,
       id_in(ledger,
             record.content ? record.content.bytes() : std::span(memory).first(record.bytes)));
  if (view != nullptr) *view = std::move(record.content);
  return record.number;
}

void produce(const Place& place) {
  Life& mine = place.ledger.lives[place.life];
  pattern();
  Producer producer(place);
  try {
    if (!producer.live()) mine.stuck = true;
  } catch (const ShutDown&) {
    mine.begun = mine.done.load();  // what was refused is not there
  }
}

void consume(const Place& place) {
  pattern();
  Consumer consumer(place);
  try {
    if (!consumer.live()) place.ledger.lives[place.life].stuck = true;
  } catch (const ShutDown&) {  // the end of the round
  }
}

}  // namespace shoal::chaos
