#include "ring/hold.hpp"

#include <cstring>
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

bool Hold::send(std::uint64_t number, std::span<const int> fds) const {
  if (!*this) {
    throw std::invalid_argument(
        "handles cannot travel through this queue, as it has a name or was attached by its "
        "descriptor: give them names and open() them elsewhere");
  }
  if (fds.size() > os::kMostFdsPerMessage) {
    throw std::invalid_argument("an item can carry " + std::to_string(os::kMostFdsPerMessage) +
                                " descriptors, not " + std::to_string(fds.size()));
  }
  return os::try_send(in(), std::as_bytes(std::span(&number, 1)), fds) == os::Sent::kYes;
}

void Hold::wait_for_room(os::Deadline deadline) const {
  os::wait_writable(in(), deadline, &shm::check_interrupt);
}

std::vector<os::Fd> Hold::look(std::uint64_t number) const {
  const int socket = out();
  if (socket == -1) return {};
  os::Message message;
  while (os::try_peek(socket, message, sizeof number) == os::Received::kMessage) {
    std::uint64_t found = 0;
    if (message.bytes.size() == sizeof found) {
      std::memcpy(&found, message.bytes.data(), sizeof found);
    }
    if (found == number) return std::move(message.fds);
    if (found > number) break;
    drop();
  }
  return {};
}

void Hold::drop() const noexcept { os::discard(out()); }

}  // namespace shoal::ring
