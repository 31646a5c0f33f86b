// When and how serious: what a line of a log says about itself.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace logs {

/// Now, in local time, as Python's datetime.now().isoformat() has it.
[[nodiscard]] std::string now();

/// Local time in the same form.
[[nodiscard]] std::string local_time(std::time_t seconds, int microseconds = 0);

/// The level that a line names near its beginning, else INFO:
///   [error] (WARN) <crit> [core:notice]    a level in brackets
///   ERROR: warning:                        a word of its own with a colon
///   level=info "level": "info"             a field
///   WARN                                   a word of its own in capitals
/// The leftmost one counts.
[[nodiscard]] std::string_view find_level(std::string_view line);

/// The timestamps of one file's lines, in order: that of the line itself, else that of the line
/// before, else when the file was last changed. Times with an offset from UTC are made local.
class Timestamps {
 public:
  explicit Timestamps(std::time_t modified);

  /// Understands near the line's beginning
  ///   2025-11-21T23:52:54.123+01:00    ISO 8601; also / for -, spaces for T, a comma, no fraction
  ///   Nov 21 23:52:54                  syslog; the year is that of the last change, or before
  ///   [21/Nov/2025:23:52:54 +0100]     web servers
  const std::string& next(std::string_view line);

 private:
  int year_;
  int month_;
  std::string last_;
};

}  // namespace logs
