// A flag that processes wait for.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/holder.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

namespace shoal {

namespace sync {
class EventCore;
}

/// multiprocessing.Event. A handle: copies share the event, and it travels as an argument of a
/// Process. Thread, process and fork safe. A death among those who wait or set harms nobody else.
class Event {
 public:
  Event();
  /// Makes an event that unrelated programs of this user open by name; it lives until unlink().
  explicit Event(const std::string& name);
  explicit Event(std::shared_ptr<sync::EventCore> core) noexcept;
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Event open(const std::string& name);
  /// Removes the name; those who have it keep it. Throws NameMissing.
  static void unlink(const std::string& name);

  /// Wakes all who wait, also where it is cleared right after. One atomic operation and a wake-up;
  /// may be called in a signal handler.
  void set() noexcept;
  void clear() noexcept;
  [[nodiscard]] bool is_set() const noexcept;

  /// Throws Interrupted (wait.hpp).
  void wait();
  /// False where a stop was asked for first.
  bool wait(const std::stop_token& stop);
  /// False where `timeout` passed first.
  template <class Rep, class Period>
  bool wait_for(const std::chrono::duration<Rep, Period>& timeout) {
    return wait_within(detail::to_nanoseconds(timeout));
  }
  template <class Clock, class Duration>
  bool wait_until(const std::chrono::time_point<Clock, Duration>& time) {
    return wait_for(time - Clock::now());
  }
  [[nodiscard]] Waiters waiters() const;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;

  friend bool operator==(const Event& a, const Event& b);
  [[nodiscard]] const std::shared_ptr<sync::EventCore>& core() const noexcept { return core_; }

 private:
  bool wait_within(std::chrono::nanoseconds timeout);
  std::shared_ptr<sync::EventCore> core_;
};

/// As an argument of a process, or through a queue; elsewhere ProcessError.
template <>
struct Codec<Event> {
  static void encode(pickle::Encoder& encoder, const Event& event);
  static Event decode(const Object& object);
};

}  // namespace shoal
