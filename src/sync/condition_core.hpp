// What a handle of a public Condition shares.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "sync/lock_core.hpp"
#include "sync/place.hpp"
#include "sync/seats.hpp"

namespace shoal::sync {

/// A condition and its lock, with which it calls waiters one by one (seats.hpp, also for death).
/// A wait has four parts, so that bindings can do what they must in between.
class ConditionCore {
 public:
  /// `lock`: nullptr for an RLock of its own.
  static std::shared_ptr<ConditionCore> create(std::shared_ptr<LockCore> lock);
  static std::shared_ptr<ConditionCore> create(const std::string& name);
  static std::shared_ptr<ConditionCore> open(const std::string& name);
  static std::shared_ptr<ConditionCore> attach(os::Fd file, bool in_slab, std::uint64_t offset,
                                               std::shared_ptr<LockCore> lock);

  ConditionCore(Place place, std::shared_ptr<LockCore> lock);

  struct Stay {
    std::size_t seat = 0;
    std::uint32_t depth = 0;
  };
  /// Takes a seat and releases the lock, however often this thread has it. Throws NotOwnerError.
  Stay begin();
  /// Sleeps until notified, the deadline, or a stop. Throws Interrupted.
  void sleep(const Stay& stay, os::Deadline deadline, const std::stop_token* stop = nullptr);
  /// Takes the lock again, as often. Throws Interrupted: then without the lock.
  Taken reacquire(const Stay& stay);
  /// Gives up the seat. True when it was notified. Behind reacquire(): one that is killed as it
  /// waits for the lock was notified for nothing, which only its seat can tell.
  bool leave(const Stay& stay) noexcept;
  /// The same of one that was interrupted: a notification goes to another.
  void leave_interrupted(const Stay& stay) { seats_.leave_uncalled(stay.seat); }

  /// Throws NotOwnerError.
  void notify(std::size_t count);

  [[nodiscard]] const std::shared_ptr<LockCore>& lock() const noexcept { return lock_; }
  [[nodiscard]] bool own_lock() const noexcept { return own_lock_; }
  [[nodiscard]] std::size_t waiting() const noexcept { return seats_.waiting(); }
  [[nodiscard]] std::size_t called() const noexcept { return seats_.count(Seats::State::kCalled); }
  [[nodiscard]] Waiters waiters() const { return seats_.waiters(); }
  [[nodiscard]] const Place& place() const noexcept { return place_; }
  [[nodiscard]] std::string label() const { return place_.label(); }

 private:
  Place place_;
  shm::ConditionSlot& slot_;
  bool own_lock_;
  std::shared_ptr<LockCore> lock_;
  Seats seats_;
  shm::Spin spin_;
};

}  // namespace shoal::sync
