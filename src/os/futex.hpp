// Sleeping on a 32-bit word of shared memory, and waking those who sleep on it.
#pragma once

#include <atomic>
#include <cstdint>

#include "os/clock.hpp"

namespace shoal::os {

enum class FutexResult {
  kWoken,        ///< woken, perhaps for nothing
  kChanged,      ///< the word no longer held the expected value: did not sleep
  kTimedOut,     ///< the time came
  kInterrupted,  ///< a signal handler ran in this thread
};

/// Sleeps while `word` holds `expected`, until `until`, as a member of the groups in `mask`.
/// Never private: the word is shared between processes.
FutexResult futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       Clock::time_point until, std::uint32_t mask) noexcept;

/// Wakes at most `count` sleepers that share a bit with `mask`; returns how many.
int futex_wake(std::atomic<std::uint32_t>& word, int count, std::uint32_t mask) noexcept;

}  // namespace shoal::os
