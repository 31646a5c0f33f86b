#include "process/fork_server.hpp"

#include <array>
#include <string>

#include "os/pidfd.hpp"
#include "os/poll.hpp"
#include "os/socket.hpp"
#include "os/spawn.hpp"
#include "process/entry.hpp"

namespace shoal::process {

std::shared_ptr<const ForkServer> ForkServer::start() {
  auto [mine, its] = os::socket_pair();
  const std::array<int, 1> kept{its.get()};
  const int pid = os::spawn_self({program_name(), kServerMarker + std::to_string(its.get())}, kept);
  try {
    return std::make_shared<const ForkServer>(std::move(mine), os::open_pidfd(pid),
                                              os::process_id());
  } catch (...) {
    os::destroy_child(pid);
    throw;
  }
}

std::shared_ptr<const ForkServer> ForkServer::of_child(os::Fd channel) {
  const int server = os::parent_id();
  os::Fd sentinel = os::try_open_pidfd(server);
  // Still our parent after the descriptor was opened: it cannot be another process's.
  if (!sentinel || os::parent_id() != server) return nullptr;
  return std::make_shared<const ForkServer>(std::move(channel), std::move(sentinel), 0);
}

bool ForkServer::has_ended() const { return ends_within(os::Nanoseconds::zero()); }

bool ForkServer::ends_within(os::Nanoseconds time) const {
  const bool ended = os::wait_readable({sentinel_.get()}, os::Deadline::after(time), nullptr) != 0;
  if (ended && owner_ == os::process_id()) static_cast<void>(os::try_reap(sentinel_));
  return ended;
}

void ForkServer::leave() const noexcept {
  constexpr auto kPatience = std::chrono::milliseconds(100);
  channel_.reset();
  if (owner_ != os::process_id()) return;
  try {
    static_cast<void>(ends_within(kPatience));
  } catch (...) {
    return;  // init takes away its remains
  }
}

}  // namespace shoal::process
