#include <cerrno>

#include "os/pidfd.hpp"
#include "os/socket.hpp"
#include "os/spawn.hpp"
#include "process/child.hpp"
#include "process/runtime.hpp"
#include "process/start.hpp"

namespace shoal::process {

std::shared_ptr<Started> adopt(int pid, os::Fd line) {
  try {
    os::Fd sentinel = os::try_open_pidfd(pid);
    if (!sentinel && errno == ESRCH) return std::make_shared<GoneChild>(pid, std::move(line));
    if (!sentinel) sentinel = os::open_pidfd(pid);
    return std::make_shared<OwnChild>(pid, std::move(sentinel), std::move(line));
  } catch (...) {
    os::destroy_child(pid);
    throw;
  }
}

// The child runs on a copy of this thread's stack and never comes back to it. What it needs of
// this process is taken before the fork, as the mutexes around it may be held by other threads.
std::shared_ptr<Started> start_by_fork(const Birth& birth,
                                       std::unique_ptr<detail::Target>& target) {
  auto [mine, its] = os::socket_pair();
  auto server = Runtime::current().known_fork_server();
  flush_standard_streams();  // else what is in their buffers would be written twice
  const int pid = os::fork_process();
  if (pid == 0) {
    run_child({birth, std::move(its), std::move(server)}, [&] { return std::move(target); });
  }
  return adopt(pid, std::move(mine));
}

}  // namespace shoal::process
