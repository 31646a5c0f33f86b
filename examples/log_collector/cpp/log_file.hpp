// The output: a file of lines "time - LEVEL - text".
#pragma once

#include <fstream>
#include <string>
#include <string_view>

namespace logs {

class LogFile {
 public:
  /// Appends. Throws std::system_error, as do the others.
  explicit LogFile(std::string path);
  /// `timestamp` as messages have it: it is written as "2025-11-21 23:52:54,123".
  void write(std::string_view timestamp, std::string_view level, std::string_view text);
  void flush();

 private:
  void check();

  std::string path_;
  std::ofstream file_;
};

}  // namespace logs
