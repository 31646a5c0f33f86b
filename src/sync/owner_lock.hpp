// The lock under everything: owned by a process or a thread, taken by one compare-and-swap, never
// lost.
#pragma once

#include <stop_token>

#include "os/clock.hpp"
#include "os/task.hpp"
#include "shm/layout.hpp"
#include "shm/parking.hpp"

namespace shoal::sync {

enum class Taken : std::uint8_t {
  kNo,          ///< the deadline passed
  kFree,        ///< nobody had it
  kFromDead,    ///< its owner died with it: what it guards may be half changed
  kLeftToDead,  ///< its owner died with it and was to keep it
};

/// Operations on LockWords. The owner is the process, any of whose threads may release, or a
/// thread.
///
/// Death. The owner word is 0 or names who has the lock, at every instant. Killed while it holds
/// the lock: the next to come finds the word's process dead and swaps itself in, and is told.
/// Killed between release and wake-up: the bounded wait covers it. Killed while taking over: the
/// word names the taker, so the next one is told again; what it repairs must be repeatable.
/// A stopped owner is alive: waits end by their deadline or by interruption.
class OwnerLock {
 public:
  enum class Owner : std::uint8_t { kProcess, kThread };
  explicit OwnerLock(shm::LockWords& words, Owner owner = Owner::kProcess) noexcept
      : words_(words), owner_(owner) {}

  /// One locked instruction.
  bool try_acquire(os::TaskWord self) noexcept {
    std::uint64_t nobody = 0;
    return words_.owner.compare_exchange_strong(nobody, self, std::memory_order_acquire,
                                                std::memory_order_relaxed);
  }

  /// Throws Interrupted.
  Taken acquire(os::TaskWord self, const shm::Bounds& bounds, os::Deadline deadline,
                shm::Spin& spin) {
    if (try_acquire(self)) [[likely]]
      return Taken::kFree;
    return acquire_slowly(self, bounds, deadline, spin, {});
  }
  /// After a try_acquire.
  struct Slowly {
    bool take_from_dead = true;
    const std::stop_token* stop = nullptr;  ///< ends the wait as the deadline does
  };
  Taken acquire_slowly(os::TaskWord self, const shm::Bounds& bounds, os::Deadline deadline,
                       shm::Spin& spin, const Slowly& options);

  /// By who holds it: no locked instruction, the sleeper pays (parking.hpp).
  void release() noexcept {
    words_.owner.store(0, std::memory_order_release);  // pairs with the acquiring compare-and-swap
    shm::Parking(words_.parking).notify();
  }

  /// By anybody: false, and nothing changed, where the lock was free. One locked instruction.
  bool release_if_held() noexcept {
    if (words_.owner.exchange(0, std::memory_order_acq_rel) == 0) return false;
    shm::Parking(words_.parking).notify();
    return true;
  }

  /// Who holds it, perhaps dead by now; 0: nobody.
  [[nodiscard]] os::TaskWord owner() const noexcept {
    return words_.owner.load(std::memory_order_acquire);
  }

 private:
  [[nodiscard]] bool is_dead(os::TaskWord owner) const noexcept {
    return owner_ == Owner::kProcess ? os::is_dead(owner) : os::is_thread_dead(owner);
  }
  shm::LockWords& words_;
  Owner owner_;
};

}  // namespace shoal::sync
