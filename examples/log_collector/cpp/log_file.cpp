#include "log_file.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

namespace logs {

LogFile::LogFile(std::string path)
    : path_(std::move(path)), file_(path_, std::ios::binary | std::ios::app) {
  check();
}

void LogFile::write(std::string_view timestamp, std::string_view level, std::string_view text) {
  std::string line(timestamp.substr(0, 23));
  if (line.size() == 19) line += ".000";
  if (line.size() == 23) {
    line[10] = ' ';
    line[19] = ',';
  }
  line.append(" - ").append(level).append(" - ").append(text).append("\n");
  file_.write(line.data(), static_cast<std::streamsize>(line.size()));
  check();
}

void LogFile::flush() {
  file_.flush();
  check();
}

void LogFile::check() {
  if (file_) return;
  throw std::system_error(errno, std::generic_category(), "writing " + path_);
}

}  // namespace logs
