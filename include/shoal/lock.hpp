// A lock that processes share and that no death can keep.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <memory>
#include <optional>
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

/// multiprocessing.Lock: not recursive, held by a process, released by any process. Works with
/// std::lock_guard, std::unique_lock and std::scoped_lock.
///
/// A Lock is a handle: copies share the lock, and it travels as an argument of a Process. Thread,
/// process and fork safe. When the holder dies, killed or by a normal exit, the next acquirer has
/// the lock and is told; where nobody has acquired it since, release by another succeeds, as in
/// Python. A stopped holder is alive. exec does not release, as in Python.
class Lock {
 public:
  /// Nameless: for this process, its children, and those it is sent to.
  Lock();
  /// Makes a lock that unrelated programs of this user open by name; it lives until unlink().
  /// Throws NameTaken; std::invalid_argument where the name will not do.
  explicit Lock(const std::string& name);
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Lock open(const std::string& name);
  /// Removes the name; those who have the lock keep it. Throws NameMissing.
  static void unlink(const std::string& name);

  /// Waits. Throws Interrupted (wait.hpp).
  Acquired acquire();
  /// Does not wait.
  Acquired try_acquire();
  /// Waits for `timeout` at most; a negative one is zero.
  Acquired acquire_for(std::chrono::nanoseconds timeout);
  /// Throws NotHeldError where nobody holds it.
  void release();

  /// True while somebody holds it, who may have died since.
  [[nodiscard]] bool locked() const;
  /// Process id of the holder.
  [[nodiscard]] std::optional<int> owner() const;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;

  // The standard's names. That an owner died is not told here.
  void lock() { static_cast<void>(acquire()); }
  bool try_lock() { return static_cast<bool>(try_acquire()); }
  template <class Rep, class Period>
  bool try_lock_for(const std::chrono::duration<Rep, Period>& timeout) {
    return static_cast<bool>(acquire_for(detail::to_nanoseconds(timeout)));
  }
  template <class Clock, class Duration>
  bool try_lock_until(const std::chrono::time_point<Clock, Duration>& time) {
    return try_lock_for(time - Clock::now());
  }
  void unlock() { release(); }

  /// Two handles of the same lock are equal.
  friend bool operator==(const Lock& a, const Lock& b);

  /// For the other layers of this library.
  explicit Lock(std::shared_ptr<sync::LockCore> core) noexcept;
  [[nodiscard]] const std::shared_ptr<sync::LockCore>& core() const noexcept { return core_; }

 private:
  std::shared_ptr<sync::LockCore> core_;
};

/// A lock travels only to a process that is being started: elsewhere ProcessError.
template <>
struct Codec<Lock> {
  static void encode(pickle::Encoder& encoder, const Lock& lock);
  static Lock decode(const Object& object);
};

}  // namespace shoal
