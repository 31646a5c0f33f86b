// Processes: Python's multiprocessing.Process.
#pragma once

#include <shoal/error.hpp>
#include <shoal/function.hpp>
#include <shoal/start_method.hpp>
#include <shoal/target.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shoal {

struct ProcessOptions {
  std::string name = {};                         ///< empty: "Process-1", "Process-1:2"
  std::optional<bool> daemon = {};               ///< as the process that makes it
  std::optional<StartMethod> start_method = {};  ///< get_start_method() when it starts
};

namespace detail {
class ProcessState;
struct ParentRecord;
}  // namespace detail

/// A function that runs, or is to run, in a process of its own.
///
///     shoal::Process worker({.name = "Worker-1"}, work, queue, 3);
///     worker.start();
///     worker.join();
///
/// The target and its arguments are copied (or moved) into the Process, like std::thread's. By
/// fork they may be anything. By spawn and forkserver they travel as bytes: the target is a
/// function, a member function followed by its object, a lambda without captures or a callable
/// that has a Codec; the arguments have Codecs (codec_base.hpp) or are functions or handles
/// (Queue, Lock). Whether they can is known at compile time (concept Shippable) and said by
/// start(), which throws ProcessError with the number and type of the argument that cannot. What
/// the target returns is dropped. Arguments are destroyed in the child when the target is done.
///
/// The child's standard input is /dev/null. It ends with code 0 when the target returns and 1
/// when an exception leaves it, after "Process Worker-1: type: message" on stderr. It flushes
/// stdout, stderr and the standard C++ streams, and leaves without running destructors of statics
/// or std::atexit handlers that it has inherited, also by std::exit.
///
/// When this process ends normally (end of main, std::exit) its daemons are terminated and all
/// its other children joined. A daemon may not start processes.
///
/// A handle: moving it leaves an empty one, destroying it does not touch the process. Threads may
/// use one together, save for start(), close() and the set_ functions. In a forked child copies
/// of the parent's handles are of no use: what asks for the process throws ProcessError.
/// Waits can be interrupted (wait.hpp). Errors not named below are ClosedError after close() and
/// ProcessError for a handle that was moved from.
class Process {
 public:
  template <class F, class... Args>
    requires(!std::same_as<std::remove_cvref_t<F>, ProcessOptions>) &&
            (!std::same_as<std::remove_cvref_t<F>, Process>) && detail::Runnable<F, Args...>
  explicit Process(F&& target, Args&&... args)
      : Process(ProcessOptions{},
                detail::make_target(std::forward<F>(target), std::forward<Args>(args)...)) {}

  template <class F, class... Args>
    requires detail::Runnable<F, Args...>
  Process(ProcessOptions options, F&& target, Args&&... args)
      : Process(std::move(options),
                detail::make_target(std::forward<F>(target), std::forward<Args>(args)...)) {}

  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  /// Once, and by the process that made this object. Throws ProcessError where it may not be
  /// started or the arguments cannot travel, PickleError where one has no bytes, OutOfMemory and
  /// std::system_error where the system refuses; it may then be tried again.
  void start();

  /// Waits until the process has ended. ProcessError where it was not started by this process.
  void join();
  /// The same, for a time: true when it has ended.
  template <class Rep, class Period>
  bool join_for(std::chrono::duration<Rep, Period> timeout) {
    return join_within(detail::to_nanoseconds(timeout));
  }

  [[nodiscard]] bool is_alive() const;
  /// What the process ended with: its code, or a negative signal number; nullopt while it runs
  /// and before it starts. 255 where nobody can tell any more: the forkserver was killed, or
  /// SIGCHLD is ignored, and a signal ended the process.
  [[nodiscard]] std::optional<int> exitcode() const;
  /// "std::runtime_error: disk full" when an exception ended the process; else nullopt. Cut after
  /// 16 KiB.
  [[nodiscard]] std::optional<std::string> exception() const;

  /// nullopt before the start.
  [[nodiscard]] std::optional<int> pid() const;
  /// A descriptor that becomes readable (poll, select, epoll) when the process has ended. Stays
  /// this object's; valid until close(). ProcessError before the start.
  [[nodiscard]] int sentinel() const;

  [[nodiscard]] const std::string& name() const;
  void set_name(std::string name);
  [[nodiscard]] bool daemon() const;
  /// ProcessError once it was started.
  void set_daemon(bool daemon);
  [[nodiscard]] StartMethod start_method() const;

  /// SIGTERM. No effect on a process that has ended; ProcessError before the start.
  void terminate();
  /// SIGKILL, as above.
  void kill();
  /// Gives back what the handle holds. ProcessError while the process runs.
  void close();

 private:
  friend class detail::ProcessState;
  explicit Process(std::shared_ptr<detail::ProcessState> state) noexcept;
  Process(ProcessOptions options, std::unique_ptr<detail::Target> target);
  bool join_within(std::chrono::nanoseconds timeout);
  [[nodiscard]] detail::ProcessState& state() const;

  std::shared_ptr<detail::ProcessState> state_;
};

/// This process. Its pid(), name() and daemon() can be asked and its name set; it is alive.
[[nodiscard]] Process current_process();

/// The processes that this one has started and that have not ended. Gives the others' remains
/// back to the system, as start() does.
[[nodiscard]] std::vector<Process> active_children();

/// The process that started this one.
class ParentProcess {
 public:
  [[nodiscard]] int pid() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] bool is_alive() const;
  /// Becomes readable when it has ended. Stays this object's and its copies'.
  [[nodiscard]] int sentinel() const noexcept;
  void join() const;
  template <class Rep, class Period>
  bool join_for(std::chrono::duration<Rep, Period> timeout) const {
    return join_within(detail::to_nanoseconds(timeout));
  }

 private:
  friend std::optional<ParentProcess> parent_process();
  explicit ParentProcess(std::shared_ptr<const detail::ParentRecord> record) noexcept
      : record_(std::move(record)) {}
  [[nodiscard]] bool join_within(std::chrono::nanoseconds timeout) const;

  std::shared_ptr<const detail::ParentRecord> record_;
};

/// nullopt in a process that shoal has not started.
[[nodiscard]] std::optional<ParentProcess> parent_process();

}  // namespace shoal
