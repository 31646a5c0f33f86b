// A child of this process, from its start until nobody asks about it any more.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "os/socket.hpp"
#include "os/spawn.hpp"
#include "process/fork_server.hpp"

namespace shoal::process {

/// Thread safe. In a forked child of this process it is of no use and must not be asked.
class Started {
 public:
  Started(int pid, os::Fd sentinel, os::Fd line)
      : pid_(pid), sentinel_(std::move(sentinel)), line_(std::move(line)) {}
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;
  virtual ~Started() = default;

  [[nodiscard]] int pid() const noexcept { return pid_; }
  [[nodiscard]] int sentinel() const noexcept { return sentinel_.get(); }

  /// The exit code once it has ended and the code is known. Waits until the deadline for both.
  /// Throws Interrupted.
  std::optional<int> wait(os::Deadline deadline);
  /// nullopt at once where it runs; where it has ended, waits for the code, for a moment only: not
  /// to be interrupted.
  std::optional<int> wait_if_ended(os::Deadline deadline) { return find_code(deadline, nullptr); }
  /// What ended it, where that was an exception.
  std::optional<std::string> exception();
  /// No effect once it has ended.
  void signal(int number);

 protected:
  /// The child has ended: its code, if it is known by now. Does not wait; under the mutex.
  /// `deadline`: until when the caller will look again.
  virtual std::optional<int> look_for_code(os::Deadline deadline) = 0;
  /// Sleeps until another look may be worth it; a moment at most, as another thread may have seen
  /// the news first. Without the mutex: the interrupt check may use this very process object.
  virtual void await_code(os::Deadline deadline, void (*on_interrupt)()) const;
  /// Takes what has been said; afterwards status() and told() may be known.
  os::Received listen();

  [[nodiscard]] const os::Fd& process() const noexcept { return sentinel_; }
  [[nodiscard]] const os::Fd& line() const noexcept { return line_; }
  /// The code as the forkserver, or as the child itself told it.
  [[nodiscard]] std::optional<int> status() const noexcept { return status_; }
  [[nodiscard]] std::optional<int> told() const noexcept { return told_; }

 private:
  [[nodiscard]] bool has_ended() const;
  std::optional<int> find_code(os::Deadline deadline, void (*on_interrupt)());

  const int pid_;
  const os::Fd sentinel_;
  const os::Fd line_;
  std::mutex mutex_;  // guards what follows
  std::optional<int> code_;
  std::optional<int> status_;
  std::optional<int> told_;
  std::optional<std::string> exception_;
};

/// The code of a process of which nobody knows how it ended. Python's.
constexpr int kUnknownCode = 255;

/// A child of this process itself: by fork and spawn.
class OwnChild final : public Started {
 public:
  using Started::Started;

 private:
  std::optional<int> look_for_code(os::Deadline deadline) override;
};

/// The same where it has ended, and its remains are gone, before it was looked at (SIGCHLD is
/// ignored, or another part of the program waits for any child).
class GoneChild final : public Started {
 public:
  GoneChild(int pid, os::Fd line) : Started(pid, os::readable_for_ever(), std::move(line)) {}

 private:
  std::optional<int> look_for_code(os::Deadline deadline) override;
};

/// A child of the forkserver.
class ServedChild final : public Started {
 public:
  ServedChild(int pid, os::Fd sentinel, os::Fd line, std::shared_ptr<const ForkServer> server)
      : Started(pid, std::move(sentinel), std::move(line)), server_(std::move(server)) {}

  /// Lets the child run, which waits until its starter knows of it.
  void go() const;

 private:
  std::optional<int> look_for_code(os::Deadline deadline) override;
  void await_code(os::Deadline deadline, void (*on_interrupt)()) const override;
  const std::shared_ptr<const ForkServer> server_;
  std::atomic<bool> silent_{false};  // the line is at its end
};

}  // namespace shoal::process
