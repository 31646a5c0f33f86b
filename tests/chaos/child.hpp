// Forked processes of the death tests, and what the tests share with them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "os/clock.hpp"

namespace shoal::chaos {

/// Every wait of a test ends by then; what has not happened is counted as stuck.
constexpr auto kDeadline = std::chrono::seconds(10);

void* map_shared(std::size_t size);
void unmap_shared(void* pages, std::size_t size) noexcept;

/// A forked process that dies with its parent. Killed and reaped by the destructor, if need be.
class Child {
 public:
  /// Runs `body` in a child, which then ends with status 0, or 1 where it threw.
  static Child start(const std::function<void()>& body);

  Child() noexcept = default;
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), status_(std::exchange(other.status_, 0)) {}
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Not reaped yet.
  [[nodiscard]] bool exists() const noexcept { return pid_ != 0; }

  void send(int signal) const noexcept;
  /// Waits until a stop signal that was sent has taken effect.
  void wait_stopped() const;
  /// Reaps it: false where it still runs at the deadline.
  bool wait(os::Deadline deadline);
  /// Waits until it has ended. It stays a zombie.
  void wait_dead() const;
  /// SIGKILL. It stays a zombie until wait().
  void kill() const noexcept;
  /// True when it was reaped and had ended by itself with status 0.
  [[nodiscard]] bool succeeded() const noexcept { return pid_ == 0 && status_ == 0; }

 private:
  pid_t pid_ = 0;
  int status_ = 0;  // of waitpid
};

/// The letter of /proc/PID/stat: R, S, D, T, t, Z; '?' where there is none.
char state_of(pid_t pid);

/// A T of zero bytes, shared with all children that are started later, for the length of a scope.
template <class T>
class SharedPages {
 public:
  SharedPages() : pages_(map_shared(sizeof(T))) {}
  ~SharedPages() { unmap_shared(pages_, sizeof(T)); }
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;
  T& operator*() const noexcept { return *static_cast<T*>(pages_); }
  T* operator->() const noexcept { return static_cast<T*>(pages_); }

 private:
  void* pages_;
};

/// Descriptors, children and names in /dev/shm: none may be left by a test.
class Leftovers {
 public:
  Leftovers();
  /// What is there now and was not at construction, for people; empty: nothing.
  [[nodiscard]] std::string found() const;

 private:
  std::size_t descriptors_;
};

/// A number from the environment, or `otherwise`.
std::uint64_t setting(const char* name, std::uint64_t otherwise);

/// SHOAL_CHAOS=soak: hours instead of seconds.
bool soaking();
/// SHOAL_CHAOS=brief: some of the places, and a few hundred kills, for the tests of every change.
bool brief();

/// Sets the longest sleep of a watcher in the segments made from now on.
void set_watch_bound(std::chrono::microseconds bound);

}  // namespace shoal::chaos
