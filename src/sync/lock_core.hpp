// What a handle of a public Lock or RLock shares.
#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "shm/note.hpp"
#include "sync/owner_lock.hpp"
#include "sync/place.hpp"

namespace shoal::sync {

/// Bits of SlotHead::options of a lock.
constexpr std::uint32_t kRaiseOnOwnerDeath = 1;

/// A Lock, owned by a process, or an RLock, owned by a thread, which may take it again. Death:
/// owner_lock.hpp. The depth of an RLock and the note of its holder are written by the owner after
/// it took the lock, and mean nothing once it has died.
class LockCore {
 public:
  enum class Type : std::uint8_t { kLock, kRLock };

  static std::shared_ptr<LockCore> create(Type type, std::uint32_t options = 0);
  static std::shared_ptr<LockCore> create(Type type, const std::string& name,
                                          std::uint32_t options = 0);
  static std::shared_ptr<LockCore> open(Type type, const std::string& name);
  /// A lock that arrived as a descriptor and an offset.
  static std::shared_ptr<LockCore> attach(Type type, os::Fd file, bool in_slab,
                                          std::uint64_t offset);
  /// Writes a new lock (all zero) that lies within another object.
  static void initialise(shm::LockSlot& slot, Type type, std::uint32_t options) noexcept;

  LockCore(Type type, Place place);

  /// Throws Interrupted; OwnerDied, the lock untouched, where it was made so. `stop`: ends the wait
  /// as its deadline would.
  Taken acquire(os::Deadline deadline, const std::stop_token* stop = nullptr);
  /// Only what one instruction tells: for callers that must not wait at all.
  bool try_acquire_free();
  /// Throws NotHeldError; NotOwnerError where an RLock is another thread's.
  void release();
  /// release() at the end of a guard. Where an exception ends it and this thread does not hold the
  /// lock, as a Condition's wait failed to take it again, it stays with who has it.
  void leave_guard();
  /// Says that such a wait has failed in this process: from then on leave_guard() looks.
  static void lost_in_wait() noexcept;

  /// Held by this process, and taken by this thread.
  [[nodiscard]] bool is_mine() const;
  /// How often this thread has it.
  [[nodiscard]] std::uint32_t depth() const;
  /// Gives an RLock up wholly, and takes it again as often. For Condition; under the lock.
  std::uint32_t release_all();
  void restore_depth(std::uint32_t depth) noexcept;

  [[nodiscard]] os::TaskWord owner() const noexcept { return lock_.owner(); }
  /// Process, thread and since when; process 0: nobody.
  [[nodiscard]] shm::Noted holder() const noexcept;

  [[nodiscard]] Type type() const noexcept { return type_; }
  [[nodiscard]] std::uint32_t options() const noexcept {
    return slot_.head.options.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const Place& place() const noexcept { return place_; }
  [[nodiscard]] shm::ParkingWords& parking() const noexcept { return slot_.lock.parking; }
  [[nodiscard]] std::string label() const { return place_.label(); }

 private:
  [[nodiscard]] os::TaskWord self() const {
    const os::TaskWord process = place_.segment().user();
    return type_ == Type::kLock ? process : os::thread_self();
  }
  Taken acquire_slowly(os::Deadline deadline, const std::stop_token* stop);
  void release_of_another();
  void taken_by(os::TaskWord process) noexcept;

  Place place_;
  shm::LockSlot& slot_;
  OwnerLock lock_;
  Type type_;
  shm::Spin spin_;
};

}  // namespace shoal::sync
