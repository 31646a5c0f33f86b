// What this process knows about itself, its parent and its children.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shoal/process.hpp>
#include <vector>

#include "process/birth.hpp"
#include "process/fork_server.hpp"
#include "process/started.hpp"
#include "process/state.hpp"

namespace shoal::detail {
struct ParentRecord {
  int pid;
  std::string name;
  os::Fd sentinel;
};
}  // namespace shoal::detail

namespace shoal::process {

using StatePtr = std::shared_ptr<detail::ProcessState>;
using StartedPtr = std::shared_ptr<Started>;

/// One in a process, thread safe, never destroyed. A forked child gets a new one, so that it does
/// not matter which of the old one's mutexes another thread held at the fork.
class Runtime {
 public:
  /// This process's. Also in a child that was forked without shoal, which has no children yet.
  static Runtime& current();
  /// In a child that shoal has started, before anything else.
  static Runtime& begin_child(const Birth& birth, std::shared_ptr<const ForkServer> server);

  [[nodiscard]] int pid() const noexcept { return pid_; }
  [[nodiscard]] bool is_child() const noexcept { return is_child_; }
  /// This process as a Process.
  [[nodiscard]] const StatePtr& self() const noexcept { return self_; }
  /// nullptr where shoal has not started this process.
  std::shared_ptr<const detail::ParentRecord> parent();
  /// The identity of the next Process made here.
  std::vector<std::uint32_t> next_identity();
  /// What a child made by `state` is to know.
  [[nodiscard]] Birth birth_of(const detail::ProcessState& state, StartMethod method) const;

  std::atomic<StartMethod> start_method{StartMethod::fork};

  /// The forkserver, started where there is none.
  std::shared_ptr<const ForkServer> fork_server();
  /// The same where it is there; else nullptr.
  std::shared_ptr<const ForkServer> known_fork_server();
  /// It was found dead.
  void forget(const std::shared_ptr<const ForkServer>& dead);

  void add(StatePtr state, StartedPtr child);
  void remove(const StartedPtr& child);
  /// Those that have not ended; takes away the remains of the others.
  std::vector<StatePtr> active_children();
  /// The end of this process: terminates daemons, waits for all.
  void finish() noexcept;

 private:
  struct Child {
    StatePtr state;
    StartedPtr started;
  };
  Runtime(const Birth* birth, const Runtime* before);
  std::vector<Child> children();
  void end_children() noexcept;

  const int pid_;
  const bool is_child_;
  StatePtr self_;
  os::TaskWord parent_ = 0;
  std::string parent_name_;
  std::atomic<std::uint32_t> count_{0};
  std::mutex mutex_;  // guards what follows; nothing is waited for while it is held
  std::vector<Child> children_;
  std::shared_ptr<const detail::ParentRecord> parent_record_;
  std::mutex server_mutex_;  // held while a server is started, so that there is one
  std::shared_ptr<const ForkServer> server_;
};

}  // namespace shoal::process
