// Whether anybody still waits for what this process does.
#pragma once

#include <shoal/process.hpp>

#include <csignal>
#include <optional>

namespace logs {

/// Of the process that makes it, from then on.
class Parent {
 public:
  Parent();
  /// It ended, or was killed, without having ended this process.
  [[nodiscard]] bool is_gone() const;

 private:
  std::optional<shoal::ParentProcess> process_;  // where shoal started this process
  int pid_;                                      // where another program did
};

/// At the start of a child: ends by SIGTERM as if the parent had no handler for it.
void forget_signal_handlers();

/// While one lives, SIGINT waits, and the children that are started never see it: what is to be
/// done on Ctrl-C is the parent's business.
class KeepInterruptFromChildren {
 public:
  KeepInterruptFromChildren();
  ~KeepInterruptFromChildren();
  KeepInterruptFromChildren(const KeepInterruptFromChildren&) = delete;
  KeepInterruptFromChildren& operator=(const KeepInterruptFromChildren&) = delete;

 private:
  sigset_t before_{};
};

/// SIGINT and SIGTERM end every wait of this process with shoal::Interrupted.
void interrupt_on_signals();
/// The signal that came, else 0.
[[nodiscard]] int caught_signal();

}  // namespace logs
