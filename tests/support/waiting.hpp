// Waiting in tests: for an event, under a deadline, never for a fixed time.
#pragma once

#include <chrono>
#include <thread>

namespace support {

inline constexpr auto kDeadline = std::chrono::seconds(10);

/// True as soon as `event` is; false when it is not by the deadline.
template <class Event>
bool happens(Event event, std::chrono::milliseconds deadline = kDeadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!event()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace support
