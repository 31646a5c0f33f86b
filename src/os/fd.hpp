// A file descriptor that closes itself.
#pragma once

#include <utility>

namespace shoal::os {

/// Owns one descriptor. Thread safety: that of an int. Fork: the child has a copy of its own.
class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;

 private:
  int fd_ = -1;
};

/// A second descriptor for the same file, close-on-exec. `what` names the object in the error.
[[nodiscard]] Fd duplicate(int fd, const char* what);

/// The same file, not as one of the standard streams (which may be closed): what is shared with
/// children must not stand where theirs will be. An empty one stays empty.
[[nodiscard]] Fd above_standard_streams(Fd fd, const char* what);

}  // namespace shoal::os
