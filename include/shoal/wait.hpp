// Waiting: how a blocking call is brought back before its time.
#pragma once

#include <chrono>
#include <cmath>
#include <stdexcept>

namespace shoal {

/// Asked by every blocking call of this process when a signal handler has run in its thread, and
/// at least every 100 ms in the main thread. True makes the call throw Interrupted, its object
/// untouched. It may throw by itself. It runs with no shared lock held.
using InterruptCheck = bool (*)();

/// Sets the check of this process and returns the one before; nullptr (the default) is none: a
/// handled signal then does not end a wait, and an unhandled one ends the process, as usual.
///
///     volatile std::sig_atomic_t stop = 0;
///     std::signal(SIGINT, [](int) { stop = 1; });
///     shoal::set_interrupt_check([] { return stop != 0; });
InterruptCheck set_interrupt_check(InterruptCheck check) noexcept;

namespace detail {
/// Rounded up; what does not fit is as good as for ever. Throws std::invalid_argument for NaN.
template <class Rep, class Period>
std::chrono::nanoseconds to_nanoseconds(std::chrono::duration<Rep, Period> time) {
  using std::chrono::nanoseconds;
  const std::chrono::duration<double> seconds(time);
  constexpr std::chrono::duration<double> kMost(nanoseconds::max());
  if (std::isnan(seconds.count())) throw std::invalid_argument("a timeout cannot be NaN");
  if (!(seconds < kMost)) return nanoseconds::max();
  if (seconds < std::chrono::duration<double>::zero()) return nanoseconds::zero();
  return std::chrono::ceil<nanoseconds>(time);
}
}  // namespace detail

}  // namespace shoal
