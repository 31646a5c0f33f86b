#include "ring/extents.hpp"

#include <algorithm>

#include "os/memory.hpp"

namespace shoal::ring {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr auto kAcquire = std::memory_order_acquire;
constexpr auto kRelease = std::memory_order_release;

constexpr std::uint64_t kWithoutMemory = 1;

// How much larger than what is asked for one may be, for memory that is warm: at most this, or as
// much again.
constexpr std::uint64_t kSlack = 64UL * 1024;

constexpr bool stands_for_nothing(std::uint64_t size, os::TaskWord owner) noexcept {
  return size == 0 || ((size & kWithoutMemory) != 0 && owner == 0);
}

}  // namespace

std::uint64_t Extents::table_size() noexcept {
  const std::uint64_t page = os::page_size();
  return (shm::kExtents * sizeof(shm::Extent) + page - 1) / page * page;
}

std::size_t Extents::count() const noexcept {
  const std::uint64_t used = words_.extents.load(kAcquire);
  return used <= shm::kExtents ? used : 0;
}

shm::Extent& Extents::operator[](std::size_t index) const {
  auto* table = segment_.at(offset_, shm::kExtents * sizeof(shm::Extent));
  return reinterpret_cast<shm::Extent*>(table)[index];
}

std::span<shm::Extent> Extents::used() const {
  const std::size_t count = this->count();
  if (count == 0) return {};
  return {&(*this)[0], count};
}

std::size_t Extents::in_use() const {
  const auto used = this->used();
  return static_cast<std::size_t>(std::ranges::count_if(
      used, [](const shm::Extent& extent) { return extent.owner.load(kRelaxed) != 0; }));
}

// The smallest that will do. Who frees one meanwhile is not waited for.
std::size_t Extents::take_free(std::uint64_t bytes, os::TaskWord self) {
  std::size_t best = kNone;
  std::uint64_t best_size = bytes + std::max(bytes, kSlack) + 1;
  for (std::size_t i = 0; i < count(); ++i) {
    const auto& extent = (*this)[i];
    const auto size = extent.size.load(kRelaxed);
    if (size < bytes || size >= best_size || (size & kWithoutMemory) != 0) continue;
    if (extent.owner.load(kAcquire) != 0) continue;
    best = i;
    best_size = size;
  }
  if (best == kNone) return kNone;
  auto& extent = (*this)[best];
  extent.item.store(0, kRelaxed);
  extent.hand.store(0, kRelaxed);
  extent.owner.store(self, kRelease);
  return best;
}

// Killed after the memory of the table was taken: it is there for the next.
std::size_t Extents::find_unused() {
  const std::size_t used = count();
  for (std::size_t i = 0; i < used; ++i) {
    const auto& extent = (*this)[i];
    if (stands_for_nothing(extent.size.load(kRelaxed), extent.owner.load(kAcquire))) return i;
  }
  if (used == 0) segment_.grow(offset_, table_size());
  if (used < shm::kExtents) words_.extents.store(used + 1, kRelease);
  return used;
}

// The owner comes last: until then the entry stands for nothing.
void Extents::enter(std::size_t index, const Area& area, os::TaskWord self) {
  auto& extent = (*this)[index];
  extent.size.store(area.size() | kWithoutMemory, kRelaxed);
  extent.offset.store(area.begin, kRelaxed);
  extent.item.store(0, kRelaxed);
  extent.hand.store(0, kRelaxed);
  extent.owner.store(self, kRelease);
}

std::optional<Area> Extents::area(std::size_t index) const {
  const auto& extent = (*this)[index];
  const auto owner = extent.owner.load(kAcquire);
  const auto size = extent.size.load(kRelaxed);
  if (stands_for_nothing(size, owner)) return std::nullopt;
  const std::uint64_t begin = extent.offset.load(kRelaxed);
  const std::uint64_t bytes = size & ~kWithoutMemory;
  constexpr std::uint64_t kMost = (Position::kUnitMask + 1) * kUnit;
  if (begin < table_end() || begin % os::page_size() != 0 || bytes % os::page_size() != 0 ||
      begin > kMost || bytes > kMost - begin) {
    segment_.throw_damaged("an extent that lies where none can be");
  }
  return Area{begin, begin + bytes};
}

bool Extents::forget_free(std::size_t index) {
  auto& extent = (*this)[index];
  if (extent.owner.load(kAcquire) != 0) return false;
  extent.size.store(extent.size.load(kRelaxed) | kWithoutMemory, kRelease);
  return true;
}

void Extents::has_memory(std::size_t index) const {
  auto& size = (*this)[index].size;
  size.store(size.load(kRelaxed) & ~kWithoutMemory, kRelease);
}

void Extents::belongs_to(std::size_t index, Position item) const {
  (*this)[index].item.store(item.items() + 1, kRelaxed);
}

// Release: who sees this sees the owner, too, and does not take it for that of the dead (is_in()).
void Extents::belongs_to_none(std::size_t index) const noexcept {
  (*this)[index].item.store(0, kRelease);
}

// By nobody but its owner. That a forked child has a copy of what its parent owned is seen before
// (Lent): by then it may own the same extent itself.
void Extents::free(std::size_t index, os::TaskWord self) const noexcept {
  std::uint64_t owner = self;
  (*this)[index].owner.compare_exchange_strong(owner, 0, std::memory_order_acq_rel);
}

Area Extents::look_at_item(std::uint64_t index, std::uint64_t bytes, Position head) const {
  if (index >= count()) segment_.throw_damaged("an item in no extent");
  const auto found = area(index);
  if (!found || bytes > found->size() || (*this)[index].item.load(kAcquire) != head.items() + 1) {
    segment_.throw_damaged("an item in the extent of another");
  }
  return {found->begin, found->begin + bytes};
}

Area Extents::take_item(std::uint64_t index, std::uint64_t bytes, Position head,
                        os::TaskWord self) const {
  const Area area = look_at_item(index, bytes, head);
  // Release: who finds it dead and the head moved on sees this owner, not the one before.
  (*this)[index].owner.store(self, kRelease);
  return area;
}

bool Extents::is_in(const shm::Extent& extent, Position head, Position tail) noexcept {
  const std::uint64_t item = extent.item.load(kAcquire);
  if (item == 0) return false;
  const std::uint64_t before = (item - 1 - head.items()) & Position::kItemMask;
  return before < items_between(head, tail);
}

}  // namespace shoal::ring
