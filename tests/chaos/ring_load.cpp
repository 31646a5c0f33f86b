#include "ring_load.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <unordered_map>
#include <vector>

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kLargest = 2U << 20U;
constexpr std::uint64_t kBacklog = 20'000;   // items: enough to grow into new blocks
constexpr std::uint64_t kLargeBacklog = 24;  // with large records

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

std::uint64_t size_of_next(const Load& load, Random& random) {
  if (load.far) return draw(random, 8, 8ULL << draw(random, 0, 17));
  if (load.large_once != 0 && once_in(random, load.large_once)) {
    return draw(random, 64 * 1024, kLargest);
  }
  return draw(random, 8, 100);
}

bool too_far_ahead(ring::Ring& ring, const Load& load) {
  const bool large = load.large_once != 0 || load.far;
  return load.max_items == 0 && ring.items() > (large ? kLargeBacklog : kBacklog);
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

bool is_whole(std::span<const std::byte> bytes, std::uint64_t id) {
  return bytes.size() >= sizeof id && std::memcmp(bytes.data(), &id, sizeof id) == 0 &&
         std::memcmp(bytes.data() + sizeof id, pattern_of(id), bytes.size() - sizeof id) == 0;
}

// What a consumer reads where it stands: it stays as it is until that gives it back.
class Views {
 public:
  Views(Ledger& ledger, Random& random) : ledger_(ledger), random_(random) {}

  void keep(GotItem&& got) {
    if (got.view) kept_.push_back(std::move(got));
    if (kept_.empty() || (kept_.size() < kMost && once_in(random_, 3))) return;
    if (once_in(random_, 4)) nap(random_);
    auto& any = kept_[draw(random_, 0, kept_.size() - 1)];
    if (!is_whole(any.view.bytes(), any.id)) ++ledger_.faults.torn;
    std::swap(any, kept_.back());
    kept_.pop_back();
  }

 private:
  static constexpr std::size_t kMost = 3;
  Ledger& ledger_;
  Random& random_;
  std::vector<GotItem> kept_;
};

}  // namespace

bool put_item(ring::Ring& ring, std::uint64_t id, std::uint64_t size, os::Deadline deadline) {
  const std::array<std::span<const std::byte>, 2> parts{
      std::as_bytes(std::span(&id, 1)), std::span(pattern_of(id), size - sizeof id)};
  return ring.put(parts, ring::Encoding::kPickle, deadline);
}

void produce(ring::Ring& ring, Ledger& ledger, const Load& load, std::uint64_t life,
             std::uint64_t seed) {
  Random random(seed);
  Life& mine = ledger.lives[life];
  pattern();
  for (std::uint64_t count = 0; !ledger.over; ++count) {
    if (count % 16 == 0) {
      for (; too_far_ahead(ring, load) && !ledger.over; ++mine.turns) ::usleep(100);
    }
    const std::uint64_t size = size_of_next(load, random);
    mine.begun.store(count + 1, std::memory_order_release);
    const std::uint64_t id = id_of(life, count);
    const bool in_place = load.far && once_in(random, 2);
    if (!(in_place ? put_in_place(ring, id, size, random)
                   : put_item(ring, id, size, os::Deadline::after(kDeadline)))) {
      mine.stuck = true;
      return;
    }
    mine.done.store(count + 1, std::memory_order_release);
    ++mine.turns;
  }
}

std::optional<GotItem> get_item(ring::Ring& ring, Ledger& ledger, os::Deadline deadline, Way way) {
  static std::vector<std::byte> memory(kLargest);
  ring::Room room(memory);
  room.in_place = way == Way::kInPlace;
  ring::Record record;
  if (ring.get(room, record, deadline) != ring::Get::kDone) return std::nullopt;
  const std::span<const std::byte> bytes = record.content
                                               ? std::span<const std::byte>(record.content.bytes())
                                               : std::span(memory).first(record.bytes);
  std::uint64_t id = 0;
  std::memcpy(&id, bytes.data(), std::min(bytes.size(), sizeof id));
  if (!is_whole(bytes, id)) ++ledger.faults.torn;
  if (id != kEnd && ledger.got.at(record.number).exchange(id) != 0) ++ledger.faults.doubled;
  return GotItem{record.number, id, std::move(record.content)};
}

void consume(ring::Ring& ring, Ledger& ledger, const Load& load, std::uint64_t life,
             std::uint64_t seed) {
  Random random(seed);
  Views views(ledger, random);
  Life& mine = ledger.lives[life];
  mine.witness = kNothing;
  ring.set_witness(&mine.witness);
  std::unordered_map<std::uint64_t, std::uint64_t> latest;  // of each producer
  pattern();
  for (;;) {
    const Way way = load.far && once_in(random, 2) ? Way::kInPlace : Way::kCopy;
    auto got = get_item(ring, ledger, os::Deadline::after(kDeadline), way);
    if (!got) {
      mine.stuck = true;
      return;
    }
    if (got->id == kEnd) return;
    auto& before = latest[life_of(got->id)];  // count + 1
    if (count_of(got->id) < before) ++ledger.faults.disordered;
    before = count_of(got->id) + 1;
    views.keep(std::move(*got));
    mine.done.fetch_add(1, std::memory_order_release);
    ++mine.turns;
  }
}

}  // namespace shoal::chaos
