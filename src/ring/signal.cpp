// Waiting for items: by sleeping without taking one, and by a descriptor.
#include <shoal/error.hpp>
#include <stdexcept>
#include <thread>

#include "ring/ring_locks.hpp"
#include "ring/ring_waits.hpp"

namespace shoal::ring {

bool Ring::wait_for_item(os::Deadline deadline) {
  static_cast<void>(segment_->user());
  const auto ready = [this] { return has_any(); };
  const auto look = [this] { return finds_any(); };
  // Who looks and does not take leaves its wake-up to another.
  shm::PassOn pass_on(words_.not_empty, ready);
  if (look()) return true;
  const auto outcome =
      shm::Parking(words_.not_empty).wait(bounds_, deadline, get_spin_, ready, look);
  pass_on.owed = outcome == shm::Slept::kReadyLate;
  if (outcome != shm::Slept::kTimedOut) return true;
  if (signal() != Signal::kUnasked) lower_signal();
  return false;
}

bool Ring::wait_for_room(std::uint64_t bytes, os::Deadline deadline) {
  static_cast<void>(segment_->user());
  const auto ready = [this, bytes] { return has_room(bytes); };
  shm::PassOn pass_on(words_.not_full, ready);
  const auto outcome =
      shm::Parking(words_.not_full).wait(bounds_, deadline, put_spin_, ready, ready);
  pass_on.owed = outcome == shm::Slept::kReadyLate;
  return outcome != shm::Slept::kTimedOut;
}

int Ring::signal_descriptor() {
  if (!bell_) {
    throw std::invalid_argument(segment_->label() +
                                " has no descriptor to wait for: it was attached by its first "
                                "descriptor alone");
  }
  if (signal() == Signal::kUnasked || bell_.descriptor() == -1) {
    const LockGuard lock(*this, words_.producers, {});
    if (lock.from_dead()) repair();
    ask_for_signal();
  }
  lower_what_others_could_not();
  return bell_.descriptor();
}

// Under the producers' lock: no put comes in between. Where it is raised by now, no put will raise
// it for a descriptor that is new.
void Ring::ask_for_signal() {
  const bool some = has_item() || shut() != Shut::kNo;
  if (bell_.descriptor() == -1) bell_.make(some || signal() == Signal::kRaised);
  if (signal() != Signal::kUnasked) return;
  if (some) {
    raise_signal();
  } else {
    words_.signal.store(static_cast<std::uint32_t>(Signal::kLowered), std::memory_order_release);
  }
}

// Under the producers' lock. Killed in between: raised in vain, or twice.
void Ring::raise_signal() {
  if (!bell_) {
    throw std::invalid_argument("a process waits for items of " + segment_->label() +
                                " by a descriptor, and this one was not given the sockets that "
                                "tell it: attach it by all its descriptors");
  }
  bell_.raise();
  words_.signal.store(static_cast<std::uint32_t>(Signal::kRaised), std::memory_order_release);
}

// No lock is waited for: who holds one looks after its release. Two who each hold the lock that the
// other needs try again.
void Ring::lower_signal() {
  constexpr int kTries = 20;
  for (int tries = 0; bell_ && tries < kTries && !try_lower_signal(); ++tries) {
    std::this_thread::yield();
  }
}

// False where a lock was held.
bool Ring::try_lower_signal() {
  constexpr Patience kOnce{.lock = Patience::Lock::kOnce};
  const ConsumerGuard consumers(*this, kOnce);
  if (!consumers) return false;
  const LockGuard producers(*this, words_.producers, kOnce);
  if (!producers) return false;
  if (producers.from_dead()) repair();
  if (has_item() || shut() != Shut::kNo) return true;
  words_.signal.store(static_cast<std::uint32_t>(Signal::kLowered), std::memory_order_release);
  bell_.lower();
  return true;
}

// After each hold of a lock. What was done under it is done: nothing may keep it from the caller,
// and who looks next lowers the signal or says what is wrong.
void Ring::lower_signal_if_empty() noexcept {
  // The release of the lock comes before the look at the head: who has moved that, and found the
  // lock held, leaves it to this one.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  try {
    if (!has_item()) lower_signal();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

}  // namespace shoal::ring
