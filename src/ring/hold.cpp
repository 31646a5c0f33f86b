#include "ring/hold.hpp"

#include <stdexcept>
#include <string>
#include <utility>

#include "os/poll.hpp"
#include "os/socket.hpp"
#include "shm/parking.hpp"

namespace shoal::ring {

void Hold::make(shm::Segment& segment) {
  auto [in, out] = os::socket_pair();
  segment.accompany(std::move(in), std::move(out));
}

void Hold::check(std::span<const int> fds) const {
  if (!*this) {
    throw std::invalid_argument("handles cannot travel through " + segment_.label() +
                                ": one with a name, or attached by its descriptor alone, has no "
                                "sockets for them; give them names and open() them elsewhere");
  }
  if (fds.size() > os::kMostFdsPerMessage) {
    throw std::invalid_argument("an item can carry " + std::to_string(os::kMostFdsPerMessage) +
                                " descriptors, not " + std::to_string(fds.size()));
  }
}

bool Hold::send(std::uint64_t number, std::span<const int> fds) const {
  const auto sent = os::try_send(in(), std::as_bytes(std::span(&number, 1)), fds);
  if (sent == os::Sent::kGone) segment_.throw_damaged("its sockets were shut down");
  return sent == os::Sent::kYes;
}

void Hold::wait_for_room(os::Deadline deadline) const {
  constexpr auto kAtMost = std::chrono::milliseconds(10);
  shm::check_interrupt();
  os::wait_writable(in(), earlier(deadline, os::Deadline::after(kAtMost)), &shm::check_interrupt);
}

std::vector<os::Fd> Hold::look(std::uint64_t number) const {
  os::Message message;
  if (has(number)) static_cast<void>(os::try_peek(out(), message, sizeof number));
  return std::move(message.fds);
}

bool Hold::has(std::uint64_t number) const {
  const int socket = out();
  std::uint64_t found = 0;
  while (socket != -1 && os::peek(socket, std::as_writable_bytes(std::span(&found, 1)))) {
    if (found >= number) return found == number;
    drop();
  }
  return false;
}

void Hold::drop() const noexcept { os::discard(out()); }

void Hold::raise() const {
  constexpr std::byte kAny{1};
  const auto sent = os::try_send(out(), {&kAny, 1}, {});
  if (sent == os::Sent::kGone) segment_.throw_damaged("its sockets were shut down");
}

void Hold::lower() const noexcept {
  while (os::discard(in())) continue;
}

}  // namespace shoal::ring
