// A semaphore that knows who holds its permits.
#pragma once

#include "sync/semaphore_core.hpp"

namespace shoal::sync {

/// Each permit is an owner word: free, or the process that has it. So a permit changes hands by one
/// compare-and-swap, and a dead holder's is given to the next who finds none free: like a lock
/// (owner_lock.hpp) of many places.
///
/// release() gives up one of this process's permits; where it has none, one of a process that died;
/// where there is none of those either, it adds one, as a plain semaphore does, unless it is
/// bounded. Not for signal handlers.
class TrackedSemaphoreCore final : public SemaphoreCore {
 public:
  static void initialise(shm::TrackedSemaphoreSlot& slot, std::uint64_t value, std::uint64_t most);

  explicit TrackedSemaphoreCore(Place place);
  bool try_acquire_free() override;
  void release(std::uint64_t count) override;
  [[nodiscard]] std::uint64_t value() const noexcept override;
  [[nodiscard]] std::uint64_t most() const noexcept override;
  [[nodiscard]] shm::ParkingWords& parking() const noexcept override { return slot_.parking; }

 protected:
  bool take_from_dead() override;

 private:
  [[nodiscard]] std::size_t used() const;
  bool give_up(os::TaskWord holder);
  bool give_up_of_dead();
  bool add();
  [[nodiscard]] bool can_give(std::uint64_t count, os::TaskWord self) const;

  shm::TrackedSemaphoreSlot& slot_;
};

}  // namespace shoal::sync
