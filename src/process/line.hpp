// The connection between a process and one child that it starts: what the child, and a forkserver
// on its behalf, have to say before and after the target's run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.hpp"
#include "os/socket.hpp"

namespace shoal::process {

enum class Word : std::uint32_t {
  kRequest = 1,  ///< starter to forkserver: one descriptor, the child's end of a line
  kBegin,        ///< starter to child: parcel, the forkserver's channel, the parcel's descriptors
  kStarted,      ///< forkserver to starter: pid; a pidfd
  kRefused,      ///< forkserver to starter: errno
  kGo,           ///< starter to child: run
  kEnd,          ///< child to starter: its exit code; the exception that ended it, if one did
  kStatus,       ///< forkserver to starter: the exit code, as the kernel told it
};

struct Saying {
  Word word{};
  std::int32_t number = 0;
  std::string text;
  std::vector<os::Fd> fds;
};

/// Longest text; the rest is cut off.
constexpr std::size_t kMostText = 16384;

/// Does not wait.
os::Sent say(const os::Fd& line, Word word, std::int32_t number = 0, std::string_view text = {},
             std::span<const int> fds = {});
/// Waits while the line is full. Throws Interrupted.
os::Sent say_waiting(const os::Fd& line, Word word, std::span<const int> fds);
/// Does not wait.
os::Received hear(const os::Fd& line, Saying& saying);

}  // namespace shoal::process
