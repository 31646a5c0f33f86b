// Who this process is, and whether another one is still alive.
//
// A process is named by one 64-bit word, so that ownership is taken by one compare-and-swap and
// there is no instant at which a thing is owned but nobody can tell by whom:
//   bits  0..29  pid
//   bits 30..31  0 (the kernel's futex bits, kept free)
//   bits 32..63  start time in clock ticks, low 32 bits (wraps after 497 days)
// With the default pid_max the pair cannot repeat while it matters. With a pid_max of a few
// hundred it can: then a dead owner is taken for alive until the impostor ends, never the reverse.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace shoal::os {

/// Names one process of one pid and time namespace; 0 is nobody.
using TaskWord = std::uint64_t;

constexpr TaskWord kPidMask = (1U << 30) - 1;
[[nodiscard]] constexpr pid_t pid_of(TaskWord word) noexcept {
  return static_cast<pid_t>(word & kPidMask);
}
[[nodiscard]] constexpr std::uint32_t start_of(TaskWord word) noexcept {
  return static_cast<std::uint32_t>(word >> 32U);
}

/// Inode numbers of the namespaces in which a task word has its meaning.
struct Namespaces {
  std::uint64_t pid = 0;
  std::uint64_t time = 0;
  bool operator==(const Namespaces&) const = default;
};

namespace detail {
// Lives in a page that the kernel wipes in every child, however it was made (fork, _Fork, clone),
// so that a child never believes to be its parent. All zero means "ask again".
struct Identity {
  std::atomic<TaskWord> word;
  std::atomic<std::uint64_t> pid_namespace;
  std::atomic<std::uint64_t> time_namespace;
};
extern std::atomic<Identity*> identity;
TaskWord identify();

// Known for one process only: a child's first thread is a copy of the thread that forked.
struct ThreadIdentity {
  TaskWord process = 0;
  TaskWord thread = 0;
  std::uint32_t id = 0;
};
// initial-exec: one load, not a call; the few bytes fit into what is reserved for that.
extern constinit thread_local ThreadIdentity this_thread __attribute__((tls_model("initial-exec")));
const ThreadIdentity& identify_thread();
}  // namespace detail

/// This process's word. Some nanoseconds, after the first call in a process. Throws
/// std::system_error where /proc cannot be read.
inline TaskWord self() {
  const detail::Identity* known = detail::identity.load(std::memory_order_acquire);
  if (known != nullptr) {
    const TaskWord word = known->word.load(std::memory_order_acquire);
    if (word != 0) [[likely]]
      return word;
  }
  return detail::identify();
}

/// This thread's word: its thread id and start time. Some nanoseconds, after the first call in a
/// thread of a process.
TaskWord thread_self();
/// This thread's id, as cheaply; `process` is self().
std::uint32_t find_thread_id() noexcept;
inline std::uint32_t thread_id(TaskWord process) noexcept {
  if (detail::this_thread.process == process) [[likely]]
    return detail::this_thread.id;
  return find_thread_id();
}

/// The namespaces of this process.
Namespaces namespaces();

/// True only on positive evidence that no thread of that process runs, or ever will: no such
/// process; or its stat was read and shows another start time, or all its threads as zombies or
/// exiting (seen 0.2 ms after SIGKILL, where the zombie of a large process takes hundreds). What
/// cannot be read is alive. A zombie leader with living threads is alive. A word that is not 0 and
/// names no process is dead. Costs about 10 us, a death some 50. What the dead stored is visible
/// to the caller.
[[nodiscard]] bool is_dead(TaskWord word) noexcept;

/// The same of one thread, by the word of thread_self().
[[nodiscard]] bool is_thread_dead(TaskWord word) noexcept;

/// True where that process was seen stopped (SIGSTOP, a debugger): it lives, but does nothing.
[[nodiscard]] bool is_stopped(TaskWord word) noexcept;

/// True in the thread that the process began with: the one that Python runs signal handlers in.
[[nodiscard]] bool is_main_thread() noexcept;

/// Start time in clock ticks of a process, 0 where it cannot be read.
[[nodiscard]] std::uint64_t start_time(pid_t pid) noexcept;

}  // namespace shoal::os
