// Semaphores that processes share.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/holder.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>

namespace shoal {

namespace sync {
class SemaphoreCore;
}

struct SemaphoreOptions {
  std::ptrdiff_t value = 1;  ///< permits, at most 2^31 - 1; 1,024 where holders are tracked
  std::string name = {};     ///< by which unrelated programs of this user open it
  /// Permits of a dead holder are given back. Without it nobody knows who has them, and they stay
  /// taken. Costs a look at each permit.
  bool track_holders = false;
};

/// multiprocessing.Semaphore, with the names of std::counting_semaphore too. A handle: copies share
/// the semaphore, and it travels as an argument of a Process. Thread, process and fork safe.
class Semaphore {
 public:
  /// Throws std::invalid_argument for a negative or too large value.
  explicit Semaphore(std::ptrdiff_t value = 1) : Semaphore(SemaphoreOptions{.value = value}) {}
  explicit Semaphore(const SemaphoreOptions& options) : Semaphore(options, false) {}
  explicit Semaphore(std::shared_ptr<sync::SemaphoreCore> core) noexcept;
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Semaphore open(const std::string& name);
  /// Removes the name; those who have it keep it. Throws NameMissing.
  static void unlink(const std::string& name);

  /// Waits for a permit. Throws Interrupted (wait.hpp).
  void acquire();
  /// The same, until a stop is asked for: then false.
  [[nodiscard]] bool acquire(const std::stop_token& stop);
  [[nodiscard]] bool try_acquire();
  template <class Rep, class Period>
  [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& timeout) {
    return acquire_within(detail::to_nanoseconds(timeout));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& time) {
    return try_acquire_for(time - Clock::now());
  }
  /// Gives permits back, from any process. Throws NotHeldError where there would be more than the
  /// most, nothing changed. Without track_holders it may be called in a signal handler.
  void release(std::ptrdiff_t count = 1);
  /// Permits that are free.
  [[nodiscard]] std::ptrdiff_t value() const;
  [[nodiscard]] Waiters waiters() const;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;

  friend bool operator==(const Semaphore& a, const Semaphore& b);
  [[nodiscard]] const std::shared_ptr<sync::SemaphoreCore>& core() const noexcept { return core_; }

 protected:
  Semaphore(const SemaphoreOptions& options, bool bounded);

 private:
  bool acquire_within(std::chrono::nanoseconds timeout);
  std::shared_ptr<sync::SemaphoreCore> core_;
};

/// multiprocessing.BoundedSemaphore: release throws NotHeldError beyond the value it was made with.
class BoundedSemaphore : public Semaphore {
 public:
  explicit BoundedSemaphore(std::ptrdiff_t value = 1)
      : BoundedSemaphore(SemaphoreOptions{.value = value}) {}
  explicit BoundedSemaphore(const SemaphoreOptions& options) : Semaphore(options, true) {}
  /// Throws WrongKind where it is not bounded.
  explicit BoundedSemaphore(std::shared_ptr<sync::SemaphoreCore> core);
  static BoundedSemaphore open(const std::string& name);
};

/// As an argument of a process, or through a queue; elsewhere ProcessError.
template <>
struct Codec<Semaphore> {
  static void encode(pickle::Encoder& encoder, const Semaphore& semaphore);
  static Semaphore decode(const Object& object);
};
template <>
struct Codec<BoundedSemaphore> {
  static void encode(pickle::Encoder& encoder, const BoundedSemaphore& semaphore);
  static BoundedSemaphore decode(const Object& object);
};

}  // namespace shoal
