#include "os/watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "os/error.hpp"

namespace shoal::os {

// By the file's times, which nobody else has a use for: writing through a mapping changes them not,
// and is told to nobody.
Fd watch(int file, const std::string& object) {
  Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!watch) throw_errno("make a descriptor (fs.inotify) that tells of", object);
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  if (::inotify_add_watch(watch.get(), path.c_str(), IN_ATTRIB) < 0) {
    throw_errno("watch (fs.inotify)", object);
  }
  return above_standard_streams(std::move(watch), object.c_str());
}

void touch(int file, const std::string& object) {
  if (::futimens(file, nullptr) != 0) throw_errno("tell those who watch", object);
}

void calm(int watch) noexcept {
  const int before = errno;
  alignas(inotify_event) std::array<char, 4096> events;  // NOLINT(*-member-init): read() fills it
  while (::read(watch, events.data(), events.size()) > 0) continue;
  errno = before;
}

}  // namespace shoal::os
