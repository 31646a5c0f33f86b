// The line on stderr that says how far the work is.
#pragma once

#include "messages.hpp"

#include <chrono>
#include <cstddef>

namespace logs {

/// On a terminal one line that changes, elsewhere at most one line a second.
class ProgressLine {
 public:
  explicit ProgressLine(std::size_t files);
  void show(const Progress& progress);
  /// Removes the line from a terminal.
  void clear();

 private:
  std::size_t files_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace logs
