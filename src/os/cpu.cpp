#include "os/cpu.hpp"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>

namespace shoal::os {
namespace {

// True where a cgroup gives this process one core's time or less (version 2, own group's file).
bool quota_is_one_core() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  long period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return false;
  return std::stol(quota) <= period;
}

// Not by this process's own affinity: two processes, each pinned to a core of its own, do well to
// poll; and where all are pinned to one, polling does not pay and the budget shrinks (shm::Spin).
bool read_can_spin() {
  if (::sysconf(_SC_NPROCESSORS_ONLN) <= 1) return false;
  try {
    return !quota_is_one_core();
  } catch (...) {
    return true;  // a file in another form says nothing against it
  }
}

}  // namespace

bool can_spin() noexcept {
  constexpr std::uint32_t kAskAgainAfter = 10'000;
  static std::atomic<std::uint32_t> uses{0};
  static std::atomic<bool> answer{false};
  if (uses.fetch_add(1, std::memory_order_relaxed) % kAskAgainAfter == 0) {
    answer.store(read_can_spin(), std::memory_order_relaxed);
  }
  return answer.load(std::memory_order_relaxed);
}

bool register_for_barriers() noexcept {
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
}

void heavy_barrier() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

}  // namespace shoal::os
