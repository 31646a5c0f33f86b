#include "sync/owner_lock.hpp"

namespace shoal::sync {

Taken OwnerLock::acquire_slowly(os::TaskWord self, const shm::Bounds& bounds, os::Deadline deadline,
                                shm::Spin& spin) {
  std::uint64_t dead = 0;
  const auto is_free = [this] { return words_.owner.load(std::memory_order_relaxed) == 0; };
  const auto owner_died = [this, &dead] {
    const auto owner = words_.owner.load(std::memory_order_relaxed);
    dead = os::is_dead(owner) ? owner : 0;
    return dead != 0;
  };
  shm::Parking parking(words_.parking);
  // A caller that does not wait looks for a dead owner too: what is nobody's is not refused.
  if (deadline.is_now() && owner_died() &&
      words_.owner.compare_exchange_strong(dead, self, std::memory_order_acquire)) {
    return Taken::kFromDead;
  }
  for (;;) {
    dead = 0;
    const auto slept = parking.wait(bounds, deadline, spin, is_free, owner_died);
    if (try_acquire(self)) return Taken::kFree;
    if (dead != 0 && words_.owner.compare_exchange_strong(dead, self, std::memory_order_acquire)) {
      return Taken::kFromDead;
    }
    if (slept == shm::Slept::kTimedOut) return Taken::kNo;
  }
}

}  // namespace shoal::sync
