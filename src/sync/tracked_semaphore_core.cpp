#include "sync/tracked_semaphore_core.hpp"

#include <algorithm>
#include <utility>

#include "os/task.hpp"

namespace shoal::sync {
namespace {
constexpr std::uint64_t kFree = 0;
constexpr std::uint64_t kAbsent = 1;  // no task word: there is no pid 1 with a start time of 0
bool is_held(std::uint64_t permit) noexcept { return permit != kFree && permit != kAbsent; }
}  // namespace

void TrackedSemaphoreCore::initialise(shm::TrackedSemaphoreSlot& slot, std::uint64_t value,
                                      std::uint64_t most) {
  slot.most.store(most, std::memory_order_relaxed);
  slot.used.store(static_cast<std::uint32_t>(value), std::memory_order_relaxed);
  for (std::size_t i = value; i < shm::kMostTrackedPermits; ++i) slot.permits[i].store(kAbsent);
}

TrackedSemaphoreCore::TrackedSemaphoreCore(Place place)
    : SemaphoreCore(std::move(place)), slot_(this->place().slot<shm::TrackedSemaphoreSlot>()) {}

// Permits are added within the array only; `used` is a hint of where the rest begins.
std::size_t TrackedSemaphoreCore::used() const {
  return std::min<std::size_t>(slot_.used.load(std::memory_order_acquire),
                               shm::kMostTrackedPermits);
}

bool TrackedSemaphoreCore::try_acquire_free() {
  const os::TaskWord self = place().segment().user();
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    std::uint64_t free = kFree;
    if (slot_.permits[i].load(std::memory_order_relaxed) == kFree &&
        slot_.permits[i].compare_exchange_strong(free, self, std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

bool TrackedSemaphoreCore::take_from_dead() {
  const os::TaskWord self = place().segment().user();
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    std::uint64_t holder = slot_.permits[i].load(std::memory_order_relaxed);
    if (is_held(holder) && holder != self && os::is_dead(holder) &&
        slot_.permits[i].compare_exchange_strong(holder, self, std::memory_order_acquire)) {
      return true;
    }
  }
  return false;
}

bool TrackedSemaphoreCore::give_up(os::TaskWord holder) {
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    std::uint64_t expected = holder;
    if (slot_.permits[i].load(std::memory_order_relaxed) == holder &&
        slot_.permits[i].compare_exchange_strong(expected, kFree, std::memory_order_release)) {
      return true;
    }
  }
  return false;
}

bool TrackedSemaphoreCore::give_up_of_dead() {
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    const std::uint64_t holder = slot_.permits[i].load(std::memory_order_relaxed);
    if (is_held(holder) && os::is_dead(holder) && give_up(holder)) return true;
  }
  return false;
}

// `used` first: killed behind it, there is one more absent permit to look at. The other way round,
// a permit of the dead would lie behind `used` and appear, as one too many, when the next is added.
bool TrackedSemaphoreCore::add() {
  if (bounded()) return false;
  for (std::size_t i = 0; i < shm::kMostTrackedPermits; ++i) {
    std::uint64_t absent = kAbsent;
    if (slot_.permits[i].load(std::memory_order_relaxed) != kAbsent) continue;
    auto end = slot_.used.load(std::memory_order_relaxed);
    while (end <= i && !slot_.used.compare_exchange_weak(end, static_cast<std::uint32_t>(i + 1))) {
    }
    if (slot_.permits[i].compare_exchange_strong(absent, kFree, std::memory_order_release)) {
      return true;
    }
  }
  return false;
}

// Whether give_up(), give_up_of_dead() and add() have so many.
bool TrackedSemaphoreCore::can_give(std::uint64_t count, os::TaskWord self) const {
  std::uint64_t found = 0;
  for (std::size_t i = 0; i < shm::kMostTrackedPermits && found < count; ++i) {
    const std::uint64_t permit = slot_.permits[i].load(std::memory_order_relaxed);
    const bool gives =
        permit == kAbsent ? !bounded() : permit == self || (is_held(permit) && os::is_dead(permit));
    found += gives ? 1 : 0;
  }
  return found >= count;
}

// Looked at beforehand, so that too many change nothing, unless other threads release at that time.
void TrackedSemaphoreCore::release(std::uint64_t count) {
  const os::TaskWord self = place().segment().user();
  if (count > 1 && !can_give(count, self)) throw_too_many();
  for (; count > 0; --count) {
    if (!give_up(self) && !give_up_of_dead() && !add()) throw_too_many();
    shm::Parking(slot_.parking).notify();
  }
}

std::uint64_t TrackedSemaphoreCore::value() const noexcept {
  const auto end = slot_.permits.begin() + static_cast<std::ptrdiff_t>(used());
  return static_cast<std::uint64_t>(std::count_if(
      slot_.permits.begin(), end,
      [](const shm::Word& permit) { return permit.load(std::memory_order_relaxed) == kFree; }));
}

std::uint64_t TrackedSemaphoreCore::most() const noexcept {
  return std::min<std::uint64_t>(slot_.most.load(std::memory_order_relaxed),
                                 shm::kMostTrackedPermits);
}

}  // namespace shoal::sync
