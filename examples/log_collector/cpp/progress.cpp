#include "progress.hpp"

#include "table.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdio>

namespace logs {

ProgressLine::ProgressLine(std::size_t files)
    : files_(files), terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(const Progress& progress) {
  const auto time = std::chrono::steady_clock::now();
  if (time - last_ < std::chrono::seconds(1) && !terminal_) return;
  last_ = time;
  const std::string text =
      fmt::format("{} lines, {} bytes, {} of {} files", grouped(progress.lines),
                  grouped(progress.bytes), progress.files, files_);
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", text, terminal_ ? "" : "\n");
  std::fflush(stderr);
  shown_ = terminal_;
}

void ProgressLine::clear() {
  if (shown_) fmt::print(stderr, "\r\033[K");
  shown_ = false;
}

}  // namespace logs
