// Timeouts of the public headers as deadlines.
#pragma once

#include <chrono>

#include "os/clock.hpp"

namespace shoal::channel {

/// The longest time stands for "no limit".
inline os::Deadline deadline_of(std::chrono::nanoseconds timeout) {
  return timeout == std::chrono::nanoseconds::max() ? os::Deadline::never()
                                                    : os::Deadline::after(timeout);
}

}  // namespace shoal::channel
