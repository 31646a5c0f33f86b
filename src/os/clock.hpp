// Time that does not jump, and points in it by which an operation must have ended.
#pragma once

#include <chrono>
#include <cstdint>

namespace shoal::os {

using Clock = std::chrono::steady_clock;  // CLOCK_MONOTONIC
using Nanoseconds = std::chrono::nanoseconds;

/// The same clock, read cheaply: it moves every few milliseconds.
Nanoseconds coarse_now() noexcept;

/// From a point in time that was written to shared memory to now, on the clock of coarse_now().
/// What can be no such time is long ago.
inline Nanoseconds passed_since(std::uint64_t then) noexcept {
  const std::uint64_t passed = static_cast<std::uint64_t>(coarse_now().count()) - then;
  constexpr auto kMost = static_cast<std::uint64_t>(Nanoseconds::max().count());
  return Nanoseconds(static_cast<std::int64_t>(passed <= kMost ? passed : kMost));
}

/// A point in time, or never.
class Deadline {
 public:
  static constexpr Deadline never() noexcept { return Deadline(Clock::time_point::max()); }
  /// Now: the operation is tried once.
  static constexpr Deadline now() noexcept { return Deadline(Clock::time_point::min()); }
  /// A negative time is now; one too long to add is never.
  static Deadline after(Nanoseconds time) noexcept {
    if (time <= Nanoseconds::zero()) return now();
    const auto start = Clock::now();
    if (time > Clock::time_point::max() - start) return never();
    return Deadline(start + time);
  }

  [[nodiscard]] bool is_never() const noexcept { return at_ == Clock::time_point::max(); }
  [[nodiscard]] bool is_now() const noexcept { return at_ == Clock::time_point::min(); }
  [[nodiscard]] bool passed() const noexcept {
    return is_now() || (!is_never() && Clock::now() >= at_);
  }
  [[nodiscard]] Clock::time_point at() const noexcept { return at_; }

 private:
  explicit constexpr Deadline(Clock::time_point at) noexcept : at_(at) {}
  Clock::time_point at_;
};

inline Deadline earlier(Deadline a, Deadline b) noexcept { return a.at() < b.at() ? a : b; }

}  // namespace shoal::os
