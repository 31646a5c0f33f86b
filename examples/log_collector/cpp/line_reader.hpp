// The lines of a file, decompressed where it is gzip'd.
#pragma once

#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace logs {

class ReadError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct RawLine {
  std::string_view bytes;  ///< without the newline; valid until the next call
  std::size_t size;        ///< with the newline, which the last line may lack
};

/// Throws ReadError with the reason alone ("No such file or directory"), from the constructor or
/// from next(), which before that returns all that could be read.
class LineReader {
 public:
  explicit LineReader(const std::string& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// Nothing at the end of the file.
  std::optional<RawLine> next();
  [[nodiscard]] std::time_t modified() const { return modified_; }

 private:
  struct Stream;
  bool fill();

  std::time_t modified_ = 0;  // set while stream_ is made: stays before it
  std::unique_ptr<Stream> stream_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string error_;
};

}  // namespace logs
