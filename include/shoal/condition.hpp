// Waiting until another process says that something has changed.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/holder.hpp>
#include <shoal/lock.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>

namespace shoal {

namespace sync {
class ConditionCore;
}

/// multiprocessing.Condition: a lock (an RLock of its own, or the one it was made with), and those
/// who wait. BasicLockable. A handle: copies share the condition, and it travels as an argument of
/// a Process. Thread, process and fork safe; up to 400 may wait at a time.
///
/// notify wakes exactly those who waited when it was called, the oldest first, but the one that
/// watches over the others last. A notification whose receiver dies before it returns goes to
/// another of those who waited then. Nobody waits for an answer of those who were woken.
class Condition {
 public:
  Condition();
  explicit Condition(const Lock& lock);
  explicit Condition(const RLock& lock);
  /// Makes a condition, with an RLock of its own, that unrelated programs of this user open by
  /// name; it lives until unlink().
  explicit Condition(const std::string& name);
  explicit Condition(std::shared_ptr<sync::ConditionCore> core) noexcept;
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Condition open(const std::string& name);
  /// Removes the name; those who have it keep it. Throws NameMissing.
  static void unlink(const std::string& name);

  // ---- its lock: see lock.hpp
  Acquired acquire();
  Acquired try_acquire();
  Acquired acquire_for(std::chrono::nanoseconds timeout);
  void release();
  void lock() { static_cast<void>(acquire()); }
  bool try_lock() { return static_cast<bool>(try_acquire()); }
  void unlock();

  /// Releases the lock, however often this thread has it, waits to be notified, and acquires it
  /// again. Throws NotOwnerError where this thread does not hold the lock; Interrupted (wait.hpp),
  /// with the lock held unless that was interrupted too; OwnerDied, without the lock, where that
  /// was made so and its holder died meanwhile. A guard that such an exception ends does not
  /// release what this thread does not hold.
  void wait();
  /// False where a stop was asked for first.
  bool wait(const std::stop_token& stop);
  /// False where `timeout` passed first.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& timeout) {
    return wait_within(detail::to_nanoseconds(timeout));
  }
  /// Until `holds()`, which is called with the lock held.
  template <class Predicate>
    requires std::is_invocable_r_v<bool, Predicate>
  void wait(Predicate holds) {
    while (!holds()) wait();
  }
  /// The same for `timeout` at most: what `holds()` says in the end.
  template <class Rep, class Period, class Predicate>
  bool wait_for(const std::chrono::duration<Rep, Period>& timeout, Predicate holds) {
    const auto time = detail::to_nanoseconds(timeout);
    const auto start = std::chrono::steady_clock::now();
    for (;;) {
      if (holds()) return true;
      const auto left = time - (std::chrono::steady_clock::now() - start);
      if (left <= std::chrono::nanoseconds::zero()) return false;
      wait_within(left);
    }
  }

  /// Wakes `count` of those who wait, or as many as there are. Throws NotOwnerError where this
  /// thread does not hold the lock.
  void notify(std::size_t count = 1);
  void notify_all();
  /// How many wait.
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] Waiters waiters() const;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;

  friend bool operator==(const Condition& a, const Condition& b);
  [[nodiscard]] const std::shared_ptr<sync::ConditionCore>& core() const noexcept { return core_; }

 private:
  bool wait_within(std::chrono::nanoseconds timeout);
  std::shared_ptr<sync::ConditionCore> core_;
};

/// As an argument of a process, or through a queue; elsewhere ProcessError.
template <>
struct Codec<Condition> {
  static void encode(pickle::Encoder& encoder, const Condition& condition);
  static Condition decode(const Object& object);
};

}  // namespace shoal
