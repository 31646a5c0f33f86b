// Memory that is given back when a ring was drained.
#include <algorithm>

#include "os/clock.hpp"
#include "ring/ring_locks.hpp"

namespace shoal::ring {
namespace {

// What a ring keeps in any case, as fresh memory is slow.
constexpr std::uint64_t kKept = 4ULL << 20U;
// A ring that has grown a moment ago is in use, and soon needs as much again.
constexpr auto kInUse = std::chrono::seconds(1);

}  // namespace

// By consumers that find it empty. No lock is waited for: who holds one is at work.
void Ring::give_back() noexcept {
  if (words_.more.load(std::memory_order_relaxed) <= kKept) [[likely]]
    return;
  if (os::passed_since(words_.grown_at.load(std::memory_order_relaxed)) < kInUse) return;
  try {
    constexpr Patience kOnce{.lock = Patience::Lock::kOnce};
    const ConsumerGuard consumers(*this, kOnce);
    if (!consumers) return;
    const LockGuard producers(*this, words_.producers, kOnce);
    if (!producers) return;
    if (producers.from_dead()) repair();
    shrink();
  } catch (...) {  // NOLINT(bugprone-empty-catch): what is wrong is said by who puts or takes
  }
}

// Under both locks. First tail and head go to the first block, as when a block is full; each of
// these steps is one that producers and consumers make, too. Then the other blocks and the extents
// that nobody has leave their tables, from where on nothing leads to them, and at last all memory
// that is in none of the two goes. Killed in between: what is outside of the tables is used again,
// or given back by the next to come here, which goes through all of it.
// Others may still look at a header there that they have read the place of: it reads as zero.
// Extents that are in use stay; then it is looked again after a while, as they may be those of a
// process that dies.
void Ring::shrink() {
  repair_if_needed();
  Position head = this->head();
  if (follow_links(head)) return;
  move_head(head, 0);
  Position tail = this->tail();
  if (!block_at(0).holds(tail.unit())) {
    const std::uint64_t sequence = find_block(tail.unit()).sequence;
    words_.blocks[0].sequence.store(sequence + 1, std::memory_order_release);
    link(tail, block_at(0).begin);
    move_head(tail, 0);
  }
  words_.seen_head.store(tail.word(), std::memory_order_relaxed);
  forget_blocks();
  sweep();
  for (std::size_t i = 0; i < extents_.count(); ++i) extents_.forget_free(i);
  words_.more.store(give_back_gaps(), std::memory_order_relaxed);
  words_.grown_at.store(os::coarse_now().count(), std::memory_order_relaxed);
}

// All but the first.
void Ring::forget_blocks() {
  for (auto& block : std::span(words_.blocks).subspan(1)) {
    if (block.size.load(std::memory_order_relaxed) == 0) continue;
    block.sequence.store(0, std::memory_order_relaxed);
    block.size.store(0, std::memory_order_release);
  }
}

// Says how much memory there is still beyond what a ring has in any case. That behind the last area
// may lie beyond the file's end, too: memory is taken step by step, and only the last step moves
// that (os::take_memory); who was killed before it leaves what it had.
std::uint64_t Ring::give_back_gaps() {
  const auto areas = this->areas();
  std::uint64_t end = 0;
  std::uint64_t more = 0;
  for (const Area& area : areas) {
    if (area.begin > end) segment_->give_back(end, area.begin - end);
    if (&area != &areas.front()) more += area.size();
    end = std::max(end, area.end);
  }
  constexpr std::uint64_t kMost = (Position::kUnitMask + 1) * kUnit;
  if (end < kMost) segment_->give_back(end, kMost - end);
  return more;
}

}  // namespace shoal::ring
