// What the handles of one Process share.
#pragma once

#include <memory>
#include <optional>
#include <shoal/process.hpp>
#include <string>
#include <vector>

#include "process/started.hpp"

namespace shoal::detail {

class ProcessState {
 public:
  /// Throws ClosedError.
  void check_open() const;
  /// Throws ProcessError, "cannot join Process-1: ...", where this is not a child of this process
  /// that was started.
  [[nodiscard]] const std::shared_ptr<process::Started>& check_started(const char* operation) const;
  /// Throws the same where this process did not make it.
  void check_creator(const char* operation) const;
  /// A handle.
  static Process handle(std::shared_ptr<ProcessState> state) { return Process(std::move(state)); }

  int creator = 0;                      ///< the process that made it
  bool self = false;                    ///< it is the creator itself
  std::vector<std::uint32_t> identity;  ///< empty in the first process
  std::string name;
  bool daemon = false;
  std::optional<StartMethod> method;
  std::unique_ptr<Target> target;  ///< until it is started
  std::shared_ptr<process::Started> child;
  bool closed = false;
};

}  // namespace shoal::detail
