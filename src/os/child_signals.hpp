// Signals of a process whose only business is its children.
#pragma once

#include <memory>

#include "os/fd.hpp"

namespace shoal::os {

/// While it lives, SIGCHLD arrives at a descriptor, and Ctrl-C and SIGCHLD are not acted upon. Of
/// a process with one thread.
class ChildSignals {
 public:
  ChildSignals();
  ~ChildSignals();
  ChildSignals(const ChildSignals&) = delete;
  ChildSignals& operator=(const ChildSignals&) = delete;

  /// Readable when a child may have ended, until drain().
  [[nodiscard]] int descriptor() const noexcept;
  void drain() noexcept;
  /// As it was before, in a child of this process.
  void restore() noexcept;

 private:
  struct Before;
  std::unique_ptr<Before> before_;
  Fd arrivals_;
};

}  // namespace shoal::os
