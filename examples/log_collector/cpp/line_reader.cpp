#include "line_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

namespace logs {
namespace {

constexpr std::size_t kChunk = std::size_t{128} << 10;
// Of a damaged gzip file zlib keeps what it had decompressed for a call: two of these at most.
constexpr std::size_t kPiece = 8 * 1024;

int open_regular(const std::string& path, std::time_t& modified) {
  // Without O_NONBLOCK a FIFO would wait here for a writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw ReadError(std::strerror(errno));
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    throw ReadError("Not a regular file");
  }
  modified = status.st_mtime;
  return descriptor;
}

}  // namespace

// zlib reads gzip'd files, by their magic bytes, and all others as they are.
struct LineReader::Stream {
  explicit Stream(int descriptor) : file(::gzdopen(descriptor, "rb")) {
    if (file == nullptr) {
      ::close(descriptor);
      throw std::bad_alloc();
    }
    ::gzbuffer(file, kPiece);
  }
  ~Stream() { ::gzclose(file); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Empty where all is well.
  [[nodiscard]] std::string error() const {
    int number = Z_OK;
    const char* const text = ::gzerror(file, &number);
    if (number == Z_OK) return {};
    if (number == Z_ERRNO) return std::strerror(errno);
    const std::string what(text);  // "<fd:7>: incorrect data check"
    const auto colon = what.find(": ");
    return "Damaged gzip file: " + (colon == std::string::npos ? what : what.substr(colon + 2));
  }

  ::gzFile file;
};

LineReader::LineReader(const std::string& path)
    : stream_(std::make_unique<Stream>(open_regular(path, modified_))), buffer_(kChunk) {}

LineReader::~LineReader() = default;

/// Appends to the buffer; false at the end, or after an error.
bool LineReader::fill() {
  if (!error_.empty()) return false;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  errno = 0;
  const std::size_t most = ::gzdirect(stream_->file) != 0 ? kChunk : kPiece;
  const int count = ::gzread(stream_->file, buffer_.data() + end_,
                             static_cast<unsigned>(std::min(buffer_.size() - end_, most)));
  if (count > 0) {
    end_ += static_cast<std::size_t>(count);
    return true;
  }
  error_ = stream_->error();
  return false;
}

std::optional<RawLine> LineReader::next() {
  std::size_t searched = 0;
  while (true) {
    char* const begin = buffer_.data() + begin_;
    const std::size_t have = end_ - begin_;
    if (void* const found = std::memchr(begin + searched, '\n', have - searched)) {
      const auto length = static_cast<std::size_t>(static_cast<char*>(found) - begin);
      begin_ += length + 1;
      return RawLine{{begin, length}, length + 1};
    }
    searched = have;
    if (fill()) continue;
    if (have > 0) {
      begin_ = end_;
      return RawLine{{buffer_.data() + (end_ - have), have}, have};
    }
    if (!error_.empty()) throw ReadError(error_);
    return std::nullopt;
  }
}

}  // namespace logs
