#include "ring_load.hpp"

#include <unistd.h>

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
  if (load.large_once != 0 && once_in(random, load.large_once)) {
    return draw(random, 64 * 1024, kLargest);
  }
  return draw(random, 8, 100);
}

bool too_far_ahead(ring::Ring& ring, const Load& load) {
  return load.max_items == 0 && ring.items() > (load.large_once != 0 ? kLargeBacklog : kBacklog);
}

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
    if (!put_item(ring, id_of(life, count), size, os::Deadline::after(kDeadline))) {
      mine.stuck = true;
      return;
    }
    mine.done.store(count + 1, std::memory_order_release);
    ++mine.turns;
  }
}

std::optional<GotItem> get_item(ring::Ring& ring, Ledger& ledger, os::Deadline deadline) {
  static std::vector<std::byte> room(kLargest);
  ring::Record record;
  if (ring.get(room, record, deadline) != ring::Get::kDone) return std::nullopt;
  std::uint64_t id = 0;
  std::memcpy(&id, room.data(), sizeof id);
  const std::size_t rest = record.bytes - sizeof id;
  if (record.bytes < sizeof id || std::memcmp(room.data() + sizeof id, pattern_of(id), rest) != 0) {
    ++ledger.faults.torn;
  }
  if (id != kEnd && ledger.got.at(record.number).exchange(id) != 0) ++ledger.faults.doubled;
  return GotItem{record.number, id};
}

void consume(ring::Ring& ring, Ledger& ledger, std::uint64_t life) {
  Life& mine = ledger.lives[life];
  mine.witness = kNothing;
  ring.set_witness(&mine.witness);
  std::unordered_map<std::uint64_t, std::uint64_t> latest;  // of each producer
  pattern();
  for (;;) {
    const auto got = get_item(ring, ledger, os::Deadline::after(kDeadline));
    if (!got) {
      mine.stuck = true;
      return;
    }
    if (got->id == kEnd) return;
    auto& before = latest[life_of(got->id)];  // count + 1
    if (count_of(got->id) < before) ++ledger.faults.disordered;
    before = count_of(got->id) + 1;
    mine.done.fetch_add(1, std::memory_order_release);
    ++mine.turns;
  }
}

}  // namespace shoal::chaos
