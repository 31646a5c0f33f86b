// Locks that processes share and that no death can keep.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/holder.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace shoal {

namespace sync {
class LockCore;
}

/// What acquire says.
class [[nodiscard]] Acquired {
 public:
  enum class Value : unsigned char { kNo, kYes, kFromDead };
  constexpr Acquired(Value value) noexcept : value_(value) {}  // NOLINT: a value of this type
  /// The caller has the lock.
  constexpr explicit operator bool() const noexcept { return value_ != Value::kNo; }
  /// It was held by a process that died: what it guards may be half changed.
  [[nodiscard]] constexpr bool owner_died() const noexcept { return value_ == Value::kFromDead; }

 private:
  Value value_;
};

/// What the next acquirer of a dead holder's lock meets.
enum class OnOwnerDeath : unsigned char {
  kTell,   ///< it has the lock, and is told by Acquired
  kThrow,  ///< OwnerDied; the lock stays as it is until somebody calls release()
};

struct LockOptions {
  std::string name = {};  ///< by which unrelated programs of this user open it; empty: nameless
  OnOwnerDeath on_owner_death = OnOwnerDeath::kTell;
};

/// What Lock and RLock have in common: BasicLockable and TimedLockable, so std::lock_guard,
/// std::unique_lock and std::scoped_lock work. A handle: copies share the lock, and it travels as
/// an argument of a Process. Thread, process and fork safe; exec does not release, as in Python.
class LockBase {
 public:
  /// Waits. Throws Interrupted (wait.hpp), and OwnerDied where the lock was made so.
  Acquired acquire();
  /// The same, until a stop is asked for.
  Acquired acquire(const std::stop_token& stop);
  /// Does not wait.
  Acquired try_acquire();
  /// Waits for `timeout` at most; a negative one is zero.
  Acquired acquire_for(std::chrono::nanoseconds timeout);

  /// True while somebody holds it, who may have died since.
  [[nodiscard]] bool locked() const;
  /// Process id of the holder.
  [[nodiscard]] std::optional<int> owner() const;
  [[nodiscard]] std::optional<Holder> holder() const;
  [[nodiscard]] Waiters waiters() const;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;

  // The standard's names. That an owner died is not told here.
  void lock() { static_cast<void>(acquire()); }
  bool try_lock() { return static_cast<bool>(try_acquire()); }
  /// release(). In a guard that an exception ends, as a Condition's wait could not take the lock
  /// again, it leaves the lock to who has it.
  void unlock();
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& timeout) {
    return static_cast<bool>(acquire_for(detail::to_nanoseconds(timeout)));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time) {
    return try_lock_for(time - Clock::now());
  }

  /// For the other layers of this library.
  [[nodiscard]] const std::shared_ptr<sync::LockCore>& core() const noexcept { return core_; }

 protected:
  explicit LockBase(std::shared_ptr<sync::LockCore> core) noexcept;
  void give_up();
  friend bool is_same(const LockBase& a, const LockBase& b);

 private:
  std::shared_ptr<sync::LockCore> core_;
};
bool is_same(const LockBase& a, const LockBase& b);

/// multiprocessing.Lock: not recursive, held by a process, released by any process. It stays held
/// when only the thread that took it ends. When the holder dies, killed or by a normal exit, the
/// next acquirer has the lock and is told; where nobody has acquired it since, release by another
/// succeeds, as in Python. A stopped holder is alive.
class Lock : public LockBase {
 public:
  /// Nameless: for this process, its children, and those it is sent to.
  Lock();
  /// Makes a lock that unrelated programs of this user open by name; it lives until unlink().
  /// Throws NameTaken; std::invalid_argument where the name will not do.
  explicit Lock(const std::string& name);
  explicit Lock(const LockOptions& options);
  explicit Lock(std::shared_ptr<sync::LockCore> core) noexcept : LockBase(std::move(core)) {}
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Lock open(const std::string& name);
  /// Removes the name; those who have the lock keep it. Throws NameMissing.
  static void unlink(const std::string& name);

  /// By any process. Throws NotHeldError where nobody holds it.
  void release() { give_up(); }
  /// Two handles of the same lock are equal.
  friend bool operator==(const Lock& a, const Lock& b) { return is_same(a, b); }
};

/// multiprocessing.RLock: held by a thread, which may acquire it again and releases it as often.
/// When that thread ends, or its process dies, the next acquirer has the lock and is told. A child
/// of fork does not hold what its parent held.
class RLock : public LockBase {
 public:
  RLock();
  explicit RLock(const std::string& name);
  explicit RLock(const LockOptions& options);
  explicit RLock(std::shared_ptr<sync::LockCore> core) noexcept : LockBase(std::move(core)) {}
  static RLock open(const std::string& name);
  static void unlink(const std::string& name);

  /// Throws NotOwnerError where this thread does not hold it.
  void release() { give_up(); }
  /// How often this thread holds it.
  [[nodiscard]] unsigned depth() const;
  friend bool operator==(const RLock& a, const RLock& b) { return is_same(a, b); }
};

/// As an argument of a process, or through a queue; elsewhere ProcessError.
template <>
struct Codec<Lock> {
  static void encode(pickle::Encoder& encoder, const Lock& lock);
  static Lock decode(const Object& object);
};
template <>
struct Codec<RLock> {
  static void encode(pickle::Encoder& encoder, const RLock& lock);
  static RLock decode(const Object& object);
};

}  // namespace shoal
