#include "sync/owner_lock.hpp"

#include "shm/stop.hpp"

namespace shoal::sync {

Taken OwnerLock::acquire_slowly(os::TaskWord self, const shm::Bounds& bounds, os::Deadline deadline,
                                shm::Spin& spin, const Slowly& options) {
  std::uint64_t dead = 0;
  const auto owner_died = [this, &dead] {
    const auto owner = words_.owner.load(std::memory_order_relaxed);
    dead = is_dead(owner) ? owner : 0;
    return dead != 0;
  };
  const auto take_over = [&] {
    if (!options.take_from_dead) return Taken::kLeftToDead;
    const bool taken = words_.owner.compare_exchange_strong(dead, self, std::memory_order_acquire);
    return taken ? Taken::kFromDead : Taken::kNo;
  };
  shm::Parking parking(words_.parking);
  const shm::Stop stop(options.stop, words_.parking);
  const auto is_free = [this, &stop] {
    return words_.owner.load(std::memory_order_relaxed) == 0 || stop.requested();
  };
  // A caller that does not wait looks for a dead owner too: what is nobody's is not refused.
  if (deadline.is_now() && owner_died()) {
    if (const Taken taken = take_over(); taken != Taken::kNo) return taken;
  }
  for (;;) {
    dead = 0;
    const auto slept = parking.wait(bounds, deadline, spin, is_free, owner_died);
    if (try_acquire(self)) return Taken::kFree;
    if (dead != 0) {
      if (const Taken taken = take_over(); taken != Taken::kNo) return taken;
    }
    if (slept == shm::Slept::kTimedOut || stop.requested()) return Taken::kNo;
  }
}

}  // namespace shoal::sync
