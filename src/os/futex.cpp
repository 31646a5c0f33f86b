#include "os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace shoal::os {

static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(std::atomic<std::uint32_t>) == 4);

FutexResult futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       Clock::time_point until, std::uint32_t mask) noexcept {
  const auto since_boot = std::chrono::duration_cast<Nanoseconds>(until.time_since_epoch()).count();
  const timespec at{since_boot / 1'000'000'000, since_boot % 1'000'000'000};
  // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time: a restarted wait does not lengthen.
  const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, &at, nullptr, mask);
  if (result == 0) return FutexResult::kWoken;
  switch (errno) {
    case EAGAIN: return FutexResult::kChanged;
    case ETIMEDOUT: return FutexResult::kTimedOut;
    case EINTR: return FutexResult::kInterrupted;
    default:
      // EFAULT, EINVAL, ENOSYS: the caller looks again; its bound keeps it from spinning hot.
      return FutexResult::kTimedOut;
  }
}

int futex_wake(std::atomic<std::uint32_t>& word, int count, std::uint32_t mask) noexcept {
  const long woken = ::syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, count, nullptr, nullptr, mask);
  return woken > 0 ? static_cast<int>(woken) : 0;
}

}  // namespace shoal::os
