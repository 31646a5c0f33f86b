// Memory that is given back when a ring was drained.
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
  if (segment_->size() <= kKept) [[likely]]
    return;
  const os::Nanoseconds grown_at(words_.grown_at.load(std::memory_order_relaxed));
  if (os::coarse_now() - grown_at < kInUse) return;
  try {
    constexpr Patience kOnce{.lock = Patience::Lock::kOnce};
    const ConsumerGuard consumers(*this, kOnce);
    if (!consumers) return;
    const LockGuard producers(*this, words_.producers, kOnce);
    if (producers) shrink();
  } catch (...) {  // NOLINT(bugprone-empty-catch): what is wrong is said by who puts or takes
  }
}

// Under both locks. First tail and head go to the first block, as when a block is full; each of
// these steps is one that producers and consumers make, too. Then the others leave the table, from
// where on nothing leads to them, and at last their memory goes. Killed in between: blocks outside
// of the table are used again by the next growth, and given back by the next to come here.
// Others may still look at a header there that they have read the place of: it reads as zero.
void Ring::shrink() {
  if (header_at(tail().unit()).load(std::memory_order_relaxed) != 0) repair();
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
  for (auto& block : std::span(words_.blocks).subspan(1)) {
    if (block.size.load(std::memory_order_relaxed) == 0) continue;
    block.sequence.store(0, std::memory_order_relaxed);
    block.size.store(0, std::memory_order_release);
  }
  segment_->shrink(block_at(0).end * kUnit);
}

}  // namespace shoal::ring
