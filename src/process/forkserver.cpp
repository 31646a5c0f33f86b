// The forkserver: a process with one thread that forks when it is asked to, takes away the remains
// of those children, and tells how they ended. It waits for nobody: each request is one message,
// whole or not there, and each answer fits the empty socket that came with the request.
#include <cerrno>
#include <map>
#include <system_error>

#include "os/child_signals.hpp"
#include "os/pidfd.hpp"
#include "os/poll.hpp"
#include "os/spawn.hpp"
#include "os/task.hpp"
#include "process/child.hpp"
#include "process/entry.hpp"
#include "process/line.hpp"
#include "process/parcel.hpp"

namespace shoal::process {
namespace {

class Server {
 public:
  explicit Server(os::Fd channel) : channel_(std::move(channel)) {}

  // Until nobody is left who could ask.
  void run() {
    for (;;) {
      os::wait_readable({channel_.get(), signals_.descriptor()}, os::Deadline::never(), nullptr);
      signals_.drain();
      tell_ends();
      if (!serve_next()) return;
    }
  }

 private:
  void tell_ends() {
    int code = 0;
    while (const int pid = os::try_reap_any(code)) {
      const auto found = lines_.find(pid);
      if (found == lines_.end()) continue;
      tell(found->second, Word::kStatus, code);
      lines_.erase(found);
    }
  }

  // False where all clients have gone.
  bool serve_next() {
    Saying request;
    try {
      const auto received = hear(channel_, request);
      if (received == os::Received::kGone) return false;
      if (received == os::Received::kNothing) return true;
    } catch (const std::system_error&) {
      return true;  // no descriptors left: the client sees its line closed
    }
    if (request.word == Word::kRequest && request.fds.size() == 1) {
      fork_for(std::move(request.fds[0]));
    }
    return true;
  }

  void fork_for(os::Fd line) {
    try {
      const int pid = os::fork_process();
      if (pid == 0) become_child(std::move(line));
      const os::Fd sentinel = os::open_pidfd(pid);
      const int number = sentinel.get();
      say(line, Word::kStarted, pid, {}, {&number, 1});
      lines_.emplace(pid, std::move(line));
    } catch (const std::system_error& error) {
      tell(line, Word::kRefused, error.code().value());
    }
  }

  // A client that has gone does not mind.
  static void tell(const os::Fd& line, Word word, int number) {
    try {
      say(line, word, number);
    } catch (const std::system_error&) {
      return;
    }
  }

  [[noreturn]] void become_child(os::Fd line) {
    channel_.reset();
    lines_.clear();
    signals_.restore();
    try {
      enter_served(std::move(line));
    } catch (const std::exception& error) {
      os::write_error("shoal: a process could not begin: " + std::string(error.what()) + "\n");
    }
    os::exit_now(1);
  }

  os::Fd channel_;
  os::ChildSignals signals_;
  std::map<int, os::Fd> lines_;  // of the children that have not ended, by pid
};

// Waits until the starter knows of this child. False where it died, or gave up.
bool may_go(const os::Fd& line, os::TaskWord starter) {
  const os::Fd process = os::try_open_pidfd(os::pid_of(starter));
  if (!process || os::is_dead(starter)) return false;
  os::wait_readable({line.get(), process.get()}, os::Deadline::never(), nullptr);
  Saying saying;
  return hear(line, saying) == os::Received::kMessage && saying.word == Word::kGo;
}

}  // namespace

void serve(os::Fd channel) {
  os::empty_standard_input();
  Server(std::move(channel)).run();
  os::exit_now(0);
}

void enter_served(os::Fd line) {
  Saying begin;
  if (hear(line, begin) != os::Received::kMessage || begin.word != Word::kBegin ||
      begin.fds.size() < 2) {
    os::exit_now(1);
  }
  Unpacked parcel = unpack(begin.fds[0]);
  if (!may_go(line, parcel.birth.parent)) os::exit_now(1);
  auto server = ForkServer::of_child(std::move(begin.fds[1]));
  begin.fds.erase(begin.fds.begin(), begin.fds.begin() + 2);
  Beginning beginning{parcel.birth, std::move(line), std::move(server)};
  run_child(std::move(beginning), [&] {
    std::vector<int> fds;
    fds.reserve(begin.fds.size());
    for (const auto& fd : begin.fds) fds.push_back(fd.get());
    auto target = make_target(parcel, std::move(fds));
    begin.fds.clear();
    parcel = {};
    return target;
  });
}

}  // namespace shoal::process
