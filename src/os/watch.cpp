#include "os/watch.hpp"

#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "os/error.hpp"

namespace shoal::os {
namespace {

// Nobody reads such a file but touch(): all others have it mapped. Where the watch is there
// already, nothing changes.
bool add(int watch, int file) noexcept {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", file);
  return ::inotify_add_watch(watch, path.data(), IN_ACCESS) >= 0;
}

// While it has one, no watch on it ends.
bool has_a_name(int file) noexcept {
  struct ::stat facts{};
  return ::fstat(file, &facts) == 0 && facts.st_nlink != 0;
}

}  // namespace

Fd watch(int file, const std::string& object) {
  Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch) throw_errno("make a descriptor (fs.inotify) that tells of", object);
  if (!add(watch.get(), file)) throw_errno("watch (fs.inotify)", object);
  return above_standard_streams(std::move(watch), object.c_str());
}

void touch(int file, const std::string& object) {
  char first = 0;
  const auto count = ::pread(file, &first, 1, 0);
  if (count != 1) throw_errno("tell those who watch", object, count == 0 ? EIO : errno);
}

void calm(int watch, int file) noexcept {
  const int before = errno;
  alignas(inotify_event) std::array<char, 4096> events;  // NOLINT(*-member-init): read() fills it
  int bytes = 0;
  // No more than was there when its name was looked at: had it one, none of that is an end.
  if (::ioctl(watch, FIONREAD, &bytes) == 0 && bytes > 0 &&
      (has_a_name(file) || add(watch, file))) {
    const auto most = std::min(static_cast<std::size_t>(bytes), events.size());
    [[maybe_unused]] const auto count = ::read(watch, events.data(), most);
  }
  errno = before;
}

}  // namespace shoal::os
