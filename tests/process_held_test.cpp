// Processes that have ended, but whose exit code is held back: by a tracer, which is told first, or
// by a forkserver that is stopped.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/wait.hpp>
#include <string>
#include <thread>

#include "support/board.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Process;
using support::Board;
using support::kDeadline;

class HeldProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, HeldProcessTest, support::kStartMethods, support::start_method_name);

void stay(const Board& board) {
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  board.note("starter", std::to_string(::getppid()));
  shoal::parent_process()->join();
}

/// Keeps the code of a process back from when it is made until release().
class Holder {
 public:
  /// `starter`: the forkserver, or this process.
  Holder(int pid, int starter) : server_(starter == ::getpid() ? 0 : starter) {
    if (server_ != 0) {
      ready_ = ::kill(server_, SIGSTOP) == 0;
      return;
    }
    int ready[2];
    int gate[2];
    if (::pipe(ready) != 0 || ::pipe(gate) != 0) return;
    tracer_ = ::fork();
    if (tracer_ == 0) {
      ::close(gate[1]);
      char byte = ::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0 ? 1 : 0;
      static_cast<void>(!::write(ready[1], &byte, 1));
      static_cast<void>(!::read(gate[0], &byte, 1));
      ::_exit(0);
    }
    char byte = 0;
    ready_ = ::read(ready[0], &byte, 1) == 1 && byte == 1;
    for (const int fd : {ready[0], ready[1], gate[0]}) ::close(fd);
    gate_ = gate[1];
  }
  ~Holder() { release(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  [[nodiscard]] bool ready() const { return ready_; }
  void release() {
    if (server_ != 0) ::kill(server_, SIGCONT);
    if (tracer_ > 0) {
      ::close(gate_);
      ::waitpid(tracer_, nullptr, 0);
    }
    server_ = tracer_ = 0;
  }

 private:
  bool ready_ = false;
  int server_;
  int tracer_ = 0;
  int gate_ = -1;
};

Process* asked = nullptr;
Holder* holder = nullptr;
int checks = 0;

// Uses the process object that is being joined, then lets its code come, once.
bool ask_and_release() {
  if (checks == 3) return false;  // released: the code may come before each next check
  EXPECT_EQ(asked->exitcode(), std::nullopt);
  EXPECT_TRUE(asked->is_alive());
  if (++checks == 3) holder->release();
  return false;
}

TEST_P(HeldProcessTest, may_be_asked_by_the_interrupt_check_of_its_own_join) {
  const Board board = Board::make();
  Process process(stay, board);
  process.start();
  Holder held(*process.pid(), std::stoi(board.read("starter")));
  if (!held.ready()) GTEST_SKIP() << "processes cannot be traced here";
  ::kill(*process.pid(), SIGKILL);
  pollfd sentinel{process.sentinel(), POLLIN, 0};
  ASSERT_EQ(::poll(&sentinel, 1, 10'000), 1);
  EXPECT_FALSE(process.join_for(1ms));
  asked = &process;
  holder = &held;
  checks = 0;
  const auto before = shoal::set_interrupt_check(&ask_and_release);
  const bool joined = process.join_for(kDeadline);
  shoal::set_interrupt_check(before);
  EXPECT_TRUE(joined);
  EXPECT_GE(checks, 3);
  EXPECT_EQ(process.exitcode(), -SIGKILL);
}

TEST_P(HeldProcessTest, is_joined_by_several_threads_when_its_code_comes) {
  const Board board = Board::make();
  Process process(stay, board);
  process.start();
  Holder held(*process.pid(), std::stoi(board.read("starter")));
  if (!held.ready()) GTEST_SKIP() << "processes cannot be traced here";
  ::kill(*process.pid(), SIGKILL);
  bool joined[3] = {};
  std::vector<std::thread> threads;
  for (bool& done : joined) {
    threads.emplace_back([&] { done = process.join_for(kDeadline); });
  }
  held.release();
  for (auto& thread : threads) thread.join();
  for (const bool done : joined) EXPECT_TRUE(done);
  EXPECT_EQ(process.exitcode(), -SIGKILL);
}

}  // namespace
