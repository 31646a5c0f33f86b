#include "ring/hands.hpp"

#include <algorithm>

#include "ring/asked.hpp"

namespace shoal::ring {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
// Each word is in memory before the next one changes, and all of them before the head does.
constexpr auto kInOrder = std::memory_order_release;

// How long what the dead had may wait while other items flow.
constexpr os::Nanoseconds kBetweenLooks = std::chrono::milliseconds(100);

// How long ago it was taken, counted in items.
std::uint64_t age_of(const shm::Extent& extent, std::uint64_t head) noexcept {
  return (head - (extent.item.load(kRelaxed) - 1)) & Position::kItemMask;
}

}  // namespace

void Hands::taking(std::size_t index) noexcept { words_->taking.store(index + 1, kInOrder); }
void Hands::taken() noexcept { words_->taking.store(0, kInOrder); }

std::uint64_t Hands::next_turn() const noexcept {
  const std::uint64_t turn = words_->turns.load(kRelaxed) + 1;
  words_->turns.store(turn, kRelaxed);
  return turn;
}

void Hands::set_hand(std::size_t index, Header header, std::uint32_t thread) const {
  auto& extent = extents_[index];
  extent.record.store(header.word(), kRelaxed);
  extent.turn.store(next_turn(), kRelaxed);
  extent.hand.store(Hand{1, thread}.while_read(), kInOrder);
}

void Hands::settle_taking(std::uint64_t head) {
  const std::uint64_t index = words_->taking.load(kRelaxed) - 1;
  if (index < extents_.count()) {
    auto& extent = extents_[index];
    const std::uint64_t item = extent.item.load(kRelaxed);
    if (item == 0 || item - 1 == head) extent.hand.store(0, kInOrder);
  }
  taken();
}

void Hands::was_read(std::size_t index) const {
  auto& hand = extents_[index].hand;
  hand.store(hand.load(kRelaxed) & ~Hand::kReading, kInOrder);
}

std::optional<Hands::Left> Hands::find_left(os::TaskWord self, std::uint64_t head) {
  words_->looked_at.store(static_cast<std::uint64_t>(os::coarse_now().count()), kRelaxed);
  std::optional<Left> oldest;
  std::uint64_t age = 0;
  Asked asked;
  const auto extents = extents_.used();
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const auto& extent = extents[i];
    if (extent.hand.load(kAcquire) == 0) continue;
    const os::TaskWord owner = extent.owner.load(kAcquire);
    if (owner == 0 || owner == self || !asked.is_dead(owner)) continue;
    const bool first = !oldest;
    if (first || age_of(extent, head) > age) {
      oldest = Left{i, owner};
      age = age_of(extent, head);
    }
    oldest->alone = first;
  }
  words_->left.store(oldest ? 1 : 0, kRelaxed);
  return oldest;
}

bool Hands::is_left(const Left& left) const {
  const auto& extent = extents_[left.index];
  return extent.owner.load(kRelaxed) == left.owner && extent.hand.load(kRelaxed) != 0;
}

std::uint32_t Hands::take_over(const Left& left, os::TaskWord self, std::uint32_t thread) {
  auto& extent = extents_[left.index];
  const auto before = static_cast<std::uint32_t>(extent.hand.load(kRelaxed) >> 32U);
  const Hand hand{before + 1, thread};
  extent.owner.store(self, kInOrder);
  extent.turn.store(next_turn(), kRelaxed);
  extent.hand.store(hand.while_read(), kInOrder);
  if (left.alone) words_->left.store(0, kRelaxed);
  return hand.deliveries;
}

bool Hands::is_time_to_look() const noexcept {
  if (some_left()) return true;
  return os::passed_since(words_->looked_at.load(kRelaxed)) >= kBetweenLooks;
}

std::size_t Hands::find_own(os::TaskWord self, std::uint32_t thread) const {
  std::size_t found = Extents::kNone;
  bool found_own = false;  // of this thread
  std::uint64_t first = 0;
  const auto extents = extents_.used();
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const std::uint64_t hand = extents[i].hand.load(kAcquire);
    if (hand == 0 || (hand & Hand::kReading) != 0) continue;
    if (extents[i].owner.load(kRelaxed) != self) continue;
    const bool own = (hand & Hand::kThread) == (thread & Hand::kThread);
    const std::uint64_t turn = extents[i].turn.load(kRelaxed);
    const bool better = own == found_own ? turn < first : own;
    if (found != Extents::kNone && !better) continue;
    found = i;
    found_own = own;
    first = turn;
  }
  return found;
}

void Hands::end(std::size_t index, os::TaskWord owner) const {
  extents_[index].hand.store(0, kInOrder);
  extents_.free(index, owner);
}

bool Hands::any() const {
  return std::ranges::any_of(
      extents_.used(), [](const shm::Extent& extent) { return extent.hand.load(kAcquire) != 0; });
}

}  // namespace shoal::ring
