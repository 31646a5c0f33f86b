// A lock of the ring, held for the length of a scope.
#pragma once

#include "ring/ring.hpp"

namespace shoal::ring {

/// The deadline for a lock, for a caller with this one: not even who does not wait gives up on a
/// lock that is held for a microsecond.
inline os::Deadline lock_deadline(os::Deadline deadline) {
  return deadline.is_now() ? os::Deadline::after(std::chrono::seconds(1)) : deadline;
}

/// One of the two, held for a few instructions and one copy. An exception frees it: nothing was
/// committed then.
class Ring::LockGuard {
 public:
  LockGuard(Ring& ring, shm::LockWords& words, const Patience& patience) : lock_(words) {
    const os::TaskWord self = ring.segment_->user();
    if (lock_.try_acquire(self)) [[likely]] {
      taken_ = sync::Taken::kFree;
    } else if (patience.lock != Patience::Lock::kTry) {
      const bool waits = patience.lock == Patience::Lock::kWait;
      taken_ = lock_.acquire(self, ring.bounds_,
                             waits ? lock_deadline(patience.deadline) : os::Deadline::now(),
                             ring.lock_spin_);
    }
  }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;
  ~LockGuard() {
    if (*this) lock_.release();
  }

  explicit operator bool() const noexcept { return taken_ != sync::Taken::kNo; }
  [[nodiscard]] bool from_dead() const noexcept { return taken_ == sync::Taken::kFromDead; }

 private:
  sync::OwnerLock lock_;
  sync::Taken taken_ = sync::Taken::kNo;
};

/// That of the consumers.
class Ring::ConsumerGuard : public LockGuard {
 public:
  ConsumerGuard(Ring& ring, const Patience& patience)
      : LockGuard(ring, ring.words_.consumers, patience) {
    if (ring.hands_) [[unlikely]] {
      if (*this) ring.hands_.settle(ring.head().items());
    } else if (from_dead() && ring.tally_) {
      ring.tally_.settle(ring.head().items());
    }
  }
};

}  // namespace shoal::ring
