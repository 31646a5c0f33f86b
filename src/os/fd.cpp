#include "os/fd.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "os/error.hpp"

namespace shoal::os {

void Fd::reset(int fd) noexcept {
  if (fd_ >= 0) ::close(fd_);  // Linux frees the descriptor even on EINTR: never retried
  fd_ = fd;
}

Fd duplicate(int fd, const char* what) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) throw_errno("duplicate the descriptor of", what);
  return Fd(copy);
}

Fd above_standard_streams(Fd fd, const char* what) {
  const bool is_standard = fd.get() >= 0 && fd.get() <= STDERR_FILENO;
  return is_standard ? duplicate(fd.get(), what) : std::move(fd);
}

}  // namespace shoal::os
