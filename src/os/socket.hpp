// Pairs of sockets between processes that are related, with descriptors among the messages.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "os/fd.hpp"

namespace shoal::os {

/// Most descriptors that one message can carry: the kernel's SCM_MAX_FD.
constexpr std::size_t kMostFdsPerMessage = 253;

/// Two ends of a connection that keeps the bounds of messages: each arrives whole or not at all.
/// Close-on-exec; neither has the number of a standard stream.
std::pair<Fd, Fd> socket_pair();

enum class Sent {
  kYes,
  kGone,  ///< the other end is closed
  kFull,  ///< would have to wait
};

/// Sends one message of at least one byte, without waiting. Throws std::system_error.
Sent try_send(int socket, std::span<const std::byte> bytes, std::span<const int> fds);
inline Sent try_send(const Fd& socket, std::span<const std::byte> bytes,
                     std::span<const int> fds = {}) {
  return try_send(socket.get(), bytes, fds);
}
/// The same, waiting where it has to; `on_interrupt` as in poll.hpp. Never kFull.
Sent send(const Fd& socket, std::span<const std::byte> bytes, std::span<const int> fds,
          void (*on_interrupt)());

struct Message {
  std::vector<std::byte> bytes;
  std::vector<Fd> fds;  ///< close-on-exec
};

enum class Received {
  kMessage,
  kGone,    ///< the other end is closed and nothing is left
  kNothing  ///< nothing yet
};

/// Takes the next message, without waiting; cut after `most` bytes.
Received try_receive(const Fd& socket, Message& message, std::size_t most = 65536);
/// The same, with copies of its descriptors; it stays there.
Received try_peek(int socket, Message& message, std::size_t most);
/// How the next message begins, its descriptors left alone; false where there is none.
bool peek(int socket, std::span<std::byte> bytes) noexcept;
/// A socket of the kind that socket_pair() makes.
bool is_message_socket(int fd) noexcept;
/// Removes the next message and closes what it carries; false where there is none.
bool discard(int socket) noexcept;

}  // namespace shoal::os
