#include "os/task.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "os/cpu.hpp"
#include "os/error.hpp"
#include "os/fd.hpp"

namespace shoal::os {
namespace {

constexpr unsigned long kPfExiting = 0x4;  // linux/sched.h: "getting shut down"

// The fields of /proc/PID/stat that are used here (proc(5): state 3, flags 9, threads 20, start
// 22).
struct Stat {
  pid_t pid = 0;
  char state = '?';
  unsigned long flags = 0;
  long threads = 0;
  std::uint64_t start = 0;

  [[nodiscard]] bool ended() const noexcept {
    return state == 'Z' || state == 'X' || state == 'x' || (flags & kPfExiting) != 0;
  }
};

std::optional<Stat> parse_stat(const char* text) noexcept {
  // The command name may hold anything, ')' and spaces too: fields are counted from the last ')'.
  const char* rest = std::strrchr(text, ')');
  if (rest == nullptr) return std::nullopt;
  Stat stat;
  unsigned long long start = 0;
  stat.pid = static_cast<pid_t>(std::strtol(text, nullptr, 10));
  const int found = std::sscanf(
      rest + 1, " %c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %llu",
      &stat.state, &stat.flags, &stat.threads, &start);
  if (found != 4) return std::nullopt;
  stat.start = start;
  return stat;
}

// Async-signal-safe but for sscanf; no allocation, as this runs in children of threaded programs.
std::optional<Stat> read_stat(const char* path) noexcept {
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::array<char, 1024> text{};
  const ssize_t size = ::read(file.get(), text.data(), text.size() - 1);
  if (size <= 0) return std::nullopt;
  return parse_stat(text.data());
}

std::optional<Stat> read_process_stat(pid_t pid) noexcept {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/stat", static_cast<int>(pid));
  return read_stat(path.data());
}

struct Thread {
  pid_t tid = 0;
  std::uint64_t start = 0;
  auto operator<=>(const Thread&) const = default;
};

std::optional<Stat> read_thread_stat(pid_t pid, pid_t tid) noexcept {
  std::array<char, 96> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task/%d/stat", static_cast<int>(pid),
                static_cast<int>(tid));
  return read_stat(path.data());
}

// The threads that are listed, all of which have ended; nullopt where one has not, or nothing can
// be read. One that is listed and cannot be read is gone by then.
std::optional<std::vector<Thread>> listed_and_ended(pid_t pid) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%d/task", static_cast<int>(pid));
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.data()), &::closedir);
  if (directory == nullptr) return std::nullopt;
  std::vector<Thread> ended;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name(entry->d_name);
    pid_t tid = 0;
    if (std::from_chars(name.begin(), name.end(), tid).ec != std::errc()) continue;
    const auto stat = read_thread_stat(pid, tid);
    if (!stat) continue;
    if (!stat->ended()) return std::nullopt;
    ended.push_back({tid, stat->start});
  }
  std::sort(ended.begin(), ended.end());  // each is to be counted once, whatever the listing says
  ended.erase(std::unique(ended.begin(), ended.end()), ended.end());
  return ended;
}

// Of a process whose leader has ended. A listing alone proves nothing, as threads can hand over to
// each other in front of it: each that is looked at has ended, having made another. So the threads
// are counted. Those seen ended before the kernel's count was read and still there after it were
// there, and ended, at that instant; where they are as many as it counts, there were no others,
// and the ended make no new ones. (They must be seen ended the second time too: a thread that
// calls exec takes over number and start time of its leader.)
bool every_thread_ended(pid_t pid) noexcept {
  try {
    const auto ended = listed_and_ended(pid);
    if (!ended) return false;
    const auto process = read_process_stat(pid);
    if (!process || process->threads <= 0) return false;  // 0: it is just being reaped
    const auto still_there = std::count_if(ended->begin(), ended->end(), [pid](Thread thread) {
      const auto stat = read_thread_stat(pid, thread.tid);
      return stat && stat->start == thread.start && stat->ended();
    });
    return still_there >= process->threads;
  } catch (...) {
    return false;  // no memory to look: no evidence
  }
}

bool has_ended(TaskWord word) noexcept {
  const pid_t pid = pid_of(word);
  if (pid == 0) return word != 0;  // nobody is called so: a damaged word must not hold for ever
  if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
  const auto stat = read_process_stat(pid);
  if (!stat) return false;
  if (static_cast<std::uint32_t>(stat->start) != start_of(word)) return true;
  return stat->ended() && every_thread_ended(pid);
}

std::uint64_t inode_of(const char* path) noexcept {
  struct ::stat info{};
  return ::stat(path, &info) == 0 ? info.st_ino : 0;
}

detail::Identity* identity_page() {
  if (auto* known = detail::identity.load(std::memory_order_acquire)) return known;
  const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw_errno("map", "the page for this process's identity");
  if (::madvise(page, size, MADV_WIPEONFORK) != 0) {
    throw_errno("mark as wiped on fork", "the page for this process's identity");
  }
  auto* fresh = static_cast<detail::Identity*>(page);
  detail::Identity* expected = nullptr;
  if (detail::identity.compare_exchange_strong(expected, fresh, std::memory_order_acq_rel)) {
    return fresh;
  }
  ::munmap(page, size);  // another thread was first
  return expected;
}

}  // namespace

namespace detail {

constinit std::atomic<Identity*> identity{nullptr};

TaskWord identify() {
  Identity* page = identity_page();
  const auto stat = read_stat("/proc/self/stat");
  if (!stat || stat->pid != ::getpid()) {
    throw_errno("read", "/proc/self/stat (shoal needs the /proc of this process's pid namespace)",
                ENOENT);
  }
  page->pid_namespace.store(inode_of("/proc/self/ns/pid"), std::memory_order_relaxed);
  page->time_namespace.store(inode_of("/proc/self/ns/time"), std::memory_order_relaxed);
  register_for_barriers();
  const TaskWord word = static_cast<TaskWord>(static_cast<std::uint32_t>(stat->start)) << 32U |
                        static_cast<TaskWord>(stat->pid);
  page->word.store(word, std::memory_order_release);  // pairs with the loads in self()
  return word;
}

}  // namespace detail

namespace detail {

constinit thread_local ThreadIdentity this_thread;

const ThreadIdentity& identify_thread() {
  const TaskWord process = self();
  if (this_thread.process != process) [[unlikely]] {
    const pid_t tid = ::gettid();
    const auto stat = read_process_stat(tid);
    if (!stat) throw_errno("read", "/proc/TID/stat of this thread", ENOENT);
    this_thread.thread = static_cast<TaskWord>(static_cast<std::uint32_t>(stat->start)) << 32U |
                         static_cast<TaskWord>(tid);
    this_thread.id = static_cast<std::uint32_t>(tid);
    this_thread.process = process;
  }
  return this_thread;
}

}  // namespace detail

TaskWord thread_self() { return detail::identify_thread().thread; }

std::uint32_t find_thread_id() noexcept {
  try {
    return detail::identify_thread().id;
  } catch (...) {
    return static_cast<std::uint32_t>(::gettid());  // no /proc any more
  }
}

Namespaces namespaces() {
  self();
  const auto* page = detail::identity.load(std::memory_order_acquire);
  return {page->pid_namespace.load(std::memory_order_relaxed),
          page->time_namespace.load(std::memory_order_relaxed)};
}

// The barrier: who takes over from the dead must see all that they stored. What was read in /proc
// is not ordered with it: on aarch64 the mark "exiting" may be seen while the plain stores before
// it wait in the core that made them. Once the barrier is back they are visible: that core has
// either still been running the dead process and was made to order its stores, or had left it
// before, which orders them too. (On x86-64 stores become visible in order; a death is rare enough
// to pay there as well.)
bool is_dead(TaskWord word) noexcept {
  if (!has_ended(word)) return false;
  heavy_barrier();
  return true;
}

// The kernel finds a thread by its id under /proc and in kill(2) as it finds a process; the stat
// that it shows there is that of the one task.
bool is_thread_dead(TaskWord word) noexcept {
  const pid_t tid = pid_of(word);
  if (tid == 0) return false;
  const auto ended = [&] {
    if (::kill(tid, 0) != 0 && errno == ESRCH) return true;
    const auto stat = read_process_stat(tid);
    return stat && (static_cast<std::uint32_t>(stat->start) != start_of(word) || stat->ended());
  };
  if (!ended()) return false;
  heavy_barrier();  // as in is_dead()
  return true;
}

bool is_stopped(TaskWord word) noexcept {
  const auto stat = read_process_stat(pid_of(word));
  return stat && static_cast<std::uint32_t>(stat->start) == start_of(word) &&
         (stat->state == 'T' || stat->state == 't');
}

bool is_main_thread() noexcept { return ::gettid() == ::getpid(); }

std::uint64_t start_time(pid_t pid) noexcept {
  const auto stat = read_process_stat(pid);
  return stat ? stat->start : 0;
}

}  // namespace shoal::os
