// What can be seen of this process from outside: descriptors and children.
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <filesystem>
#include <set>
#include <string>

#include "support/waiting.hpp"

namespace support {

/// "7 -> pipe:[123]" for each descriptor that is open, but for the one used to look.
inline std::set<std::string> open_descriptors() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (gone || target.string().find("/proc/") == 0) continue;
    found.insert(entry.path().filename().string() + " -> " + target.string());
  }
  return found;
}

/// A child of this process has ended and nobody has taken away its remains.
inline bool has_zombies() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/// The process, whosever child it is, comes to an end.
inline bool ends(int pid) {
  return happens([&] { return ::kill(pid, 0) != 0 && errno == ESRCH; });
}

}  // namespace support
