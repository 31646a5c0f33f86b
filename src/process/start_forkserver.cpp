#include <array>
#include <shoal/error.hpp>
#include <system_error>

#include "os/error.hpp"
#include "os/poll.hpp"
#include "process/entry.hpp"
#include "process/line.hpp"
#include "process/parcel.hpp"
#include "process/runtime.hpp"
#include "process/start.hpp"
#include "shm/parking.hpp"

namespace shoal::process {
namespace {

// What one message carries, less the parcel's file and the server's channel. Python's limit too.
constexpr std::size_t kMostShipped = os::kMostFdsPerMessage - 2;

// A process that dies closes its descriptors before it counts as ended.
constexpr auto kMoment = std::chrono::seconds(1);

// Waits for the server's answer, in `saying`. False where the server ended without one.
bool hear_answer(const os::Fd& line, const ForkServer& server, Saying& saying) {
  for (;;) {
    os::wait_readable({line.get(), server.sentinel()}, os::Deadline::never(),
                      &shm::check_interrupt);
    const bool ended = server.has_ended();
    switch (hear(line, saying)) {
      case os::Received::kMessage: return true;
      case os::Received::kGone:
        if (server.ends_within(kMoment)) return false;
        throw ProcessError("the forkserver did not take the request: it has no descriptors left");
      case os::Received::kNothing:
        if (ended) return false;
    }
  }
}

// nullptr where the server has ended. The child waits for kGo, so that none runs that this
// process does not know: not when the server died in between, nor when this wait is interrupted.
std::shared_ptr<Started> request(const Parcel& parcel, const Birth& birth,
                                 const std::shared_ptr<const ForkServer>& server) {
  auto [mine, its] = os::socket_pair();
  std::vector<int> fds{parcel.file.get(), server->channel().get()};
  fds.insert(fds.end(), parcel.fds.begin(), parcel.fds.end());
  say(mine, Word::kBegin, 0, {}, fds);
  const std::array<int, 1> end{its.get()};
  if (say_waiting(server->channel(), Word::kRequest, end) != os::Sent::kYes) return nullptr;
  its.reset();
  Saying answer;
  if (!hear_answer(mine, *server, answer)) return nullptr;
  if (answer.word != Word::kStarted || answer.fds.size() != 1) {
    os::throw_errno("start by forkserver", birth.name, answer.number);
  }
  auto child = std::make_shared<ServedChild>(answer.number, std::move(answer.fds[0]),
                                             std::move(mine), server);
  child->go();
  return child;
}

}  // namespace

std::shared_ptr<Started> start_by_forkserver(const Birth& birth, const detail::Target& target) {
  constexpr int kAttempts = 10;
  require_init(birth.name, "forkserver");
  const Parcel parcel = pack(birth, target, -1);
  if (parcel.fds.size() > kMostShipped) {
    throw ProcessError("cannot start " + birth.name + " by forkserver: its arguments hold " +
                       std::to_string(parcel.fds.size()) +
                       " descriptors of queues and locks, and at most " +
                       std::to_string(kMostShipped) + " can be sent; use StartMethod::spawn");
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto server = Runtime::current().fork_server();
    if (auto started = request(parcel, birth, server)) return started;
    static_cast<void>(server->ends_within(kMoment));  // and is no zombie of this process any more
    Runtime::current().forget(server);
  }
  throw ProcessError("cannot start " + birth.name +
                     " by forkserver: the server ended each time before it answered");
}

}  // namespace shoal::process
