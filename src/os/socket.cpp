#include "os/socket.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "os/error.hpp"

namespace shoal::os {
namespace {

using ControlRoom = std::array<std::byte, CMSG_SPACE(kMostFdsPerMessage * sizeof(int))>;

// sendmsg blocks by itself where `flags` lets it.
Sent send_message(int socket, std::span<const std::byte> bytes, std::span<const int> fds,
                  int flags) {
  alignas(cmsghdr) ControlRoom control{};
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    auto* const rights = reinterpret_cast<cmsghdr*>(control.data());
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
  }
  if (::sendmsg(socket, &header, flags | MSG_NOSIGNAL) >= 0) return Sent::kYes;
  if (errno == EAGAIN || errno == EINTR) return Sent::kFull;
  if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return Sent::kGone;
  throw_errno("send", std::to_string(fds.size()) + " descriptors to another process");
}

void take_descriptors(msghdr& header, std::vector<Fd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    std::array<int, kMostFdsPerMessage> numbers{};
    const std::size_t count =
        std::min((part->cmsg_len - CMSG_LEN(0)) / sizeof(int), numbers.size());
    std::memcpy(numbers.data(), CMSG_DATA(part), count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) fds.emplace_back(numbers[i]);
  }
}

Received receive_message(int socket, Message& message, std::size_t most, int flags) {
  alignas(cmsghdr) ControlRoom control{};
  message.bytes.resize(most);
  message.fds.clear();
  message.fds.reserve(kMostFdsPerMessage);  // so that no descriptor is lost to bad_alloc
  iovec part{message.bytes.data(), message.bytes.size()};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  // ECONNRESET (the peer left something unread) is told once, before the messages still to come.
  ssize_t size = 0;
  int resets = 0;
  do {
    size = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | flags);
  } while (size < 0 && (errno == EINTR || (errno == ECONNRESET && ++resets == 1)));
  if (size < 0 && errno == EAGAIN) return Received::kNothing;
  if (size < 0 && errno != ECONNRESET) throw_errno("receive from", "another process");
  if (size <= 0) return Received::kGone;
  message.bytes.resize(static_cast<std::size_t>(size));
  take_descriptors(header, message.fds);
  if ((header.msg_flags & MSG_CTRUNC) != 0) {
    throw_errno("receive", "the descriptors of another process", EMFILE);
  }
  return Received::kMessage;
}

}  // namespace

std::pair<Fd, Fd> socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw_errno("create", "a pair of sockets");
  }
  Fd first(ends[0]);
  Fd second(ends[1]);
  if (first.get() <= STDERR_FILENO) first = duplicate(first.get(), "a socket");
  if (second.get() <= STDERR_FILENO) second = duplicate(second.get(), "a socket");
  return {std::move(first), std::move(second)};
}

Sent try_send(int socket, std::span<const std::byte> bytes, std::span<const int> fds) {
  return send_message(socket, bytes, fds, MSG_DONTWAIT);
}

Sent send(const Fd& socket, std::span<const std::byte> bytes, std::span<const int> fds,
          void (*on_interrupt)()) {
  for (;;) {
    const Sent sent = send_message(socket.get(), bytes, fds, MSG_DONTWAIT);
    if (sent != Sent::kFull) return sent;
    pollfd asked{socket.get(), POLLOUT, 0};
    ::poll(&asked, 1, 100);
    if (on_interrupt != nullptr) on_interrupt();
  }
}

Received try_receive(const Fd& socket, Message& message, std::size_t most) {
  return receive_message(socket.get(), message, most, 0);
}

Received try_peek(int socket, Message& message, std::size_t most) {
  return receive_message(socket, message, most, MSG_PEEK);
}

bool peek(int socket, std::span<std::byte> bytes) noexcept {
  for (int resets = 0;;) {
    const auto length = ::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_PEEK);
    const bool again = length < 0 && (errno == EINTR || (errno == ECONNRESET && ++resets == 1));
    if (!again) return length > 0;
  }
}

bool is_message_socket(int fd) noexcept {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof domain;
  return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

bool discard(int socket) noexcept {
  // Without room for them, the kernel closes the descriptors. All messages have a length.
  for (;;) {
    const auto length = ::recv(socket, nullptr, 0, MSG_DONTWAIT | MSG_TRUNC);
    if (length >= 0 || errno != EINTR) return length > 0;
  }
}

}  // namespace shoal::os
