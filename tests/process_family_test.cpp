// A process among others: parents, children, daemons, threads.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <shoal/process.hpp>
#include <shoal/wait.hpp>
#include <thread>
#include <vector>

#include "support/board.hpp"
#include "support/process_facts.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Process;
using shoal::StartMethod;
using support::Board;
using support::kDeadline;

class FamilyTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, FamilyTest, support::kStartMethods, support::start_method_name);

void nothing() {}
void stay(const Board& board) {
  board.note("here", std::to_string(::getpid()));
  shoal::parent_process()->join();
}

void describe(const Board& board) {
  const auto self = shoal::current_process();
  const auto parent = *shoal::parent_process();
  board.note("self", self.name() + (self.daemon() ? " daemon " : " ") +
                         std::to_string(*self.pid() == ::getpid()) +
                         std::to_string(self.is_alive()));
  board.note("parent", parent.name() + " " + std::to_string(parent.pid()) + " " +
                           std::to_string(parent.is_alive()) +
                           std::to_string(parent.join_for(1ms)));
  board.note("method", std::to_string(static_cast<int>(shoal::get_start_method())));
}

TEST_P(FamilyTest, knows_itself_and_its_parent) {
  const Board board = Board::make();
  Process process({.name = "Worker-1", .daemon = true}, describe, board);
  process.start();
  process.join();
  EXPECT_EQ(board.read("self"), "Worker-1 daemon 11");
  EXPECT_EQ(board.read("parent"), "MainProcess " + std::to_string(::getpid()) + " 10");
  EXPECT_EQ(board.read("method"), std::to_string(static_cast<int>(GetParam())));
  EXPECT_EQ(process.exitcode(), 0);
}

void name_a_child(const Board& board, int depth) {
  Process child(name_a_child, board, depth - 1);
  if (depth == 0) return board.note("name", child.name());
  child.start();
  child.join();
  std::exit(*child.exitcode() + 1);
}

TEST_P(FamilyTest, counts_names_by_generation) {
  const Board board = Board::make();
  Process process(name_a_child, board, 2);
  EXPECT_EQ(process.name().find("Process-"), 0U);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 2);
  EXPECT_EQ(board.read("name"), process.name() + ":1:1:1");
}

void start_a_child() { Process(nothing).start(); }

TEST_P(FamilyTest, lets_no_daemon_have_children) {
  Process process({.daemon = true}, start_a_child);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 1);
  EXPECT_NE(process.exception()->find("daemons may not have children"), std::string::npos);
}

// Its own end is that of a daemon it has, and waits for the other.
void have_children(const Board& daemon_board, const Board& slow_board) {
  Process daemon({.daemon = true}, stay, daemon_board);
  Process slow(
      [](const Board& board) {
        static_cast<void>(board.waits_for("go"));
        board.note("done");
      },
      slow_board);
  daemon.start();
  slow.start();
  static_cast<void>(daemon_board.waits_for("here"));
  slow_board.note("leaving");
}

TEST_P(FamilyTest, ends_daemons_and_waits_for_the_others_when_it_ends) {
  const Board daemon_board = Board::make();
  const Board slow_board = Board::make();
  Process process(have_children, daemon_board, slow_board);
  process.start();
  EXPECT_TRUE(slow_board.waits_for("leaving"));
  EXPECT_TRUE(support::ends(std::stoi(daemon_board.read("here"))));
  EXPECT_TRUE(process.is_alive());
  slow_board.note("go");
  process.join();
  EXPECT_TRUE(slow_board.has("done"));
}

TEST_P(FamilyTest, ends_daemons_when_the_program_exits) {
  const Board board = Board::make();
  const int program = ::fork();
  if (program == 0) {
    Process daemon({.daemon = true}, stay, board);
    daemon.start();
    static_cast<void>(board.waits_for("here"));
    std::exit(4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(program, &status, 0), program);
  EXPECT_EQ(WEXITSTATUS(status), 4);
  EXPECT_TRUE(support::ends(std::stoi(board.read("here"))));
}

TEST_P(FamilyTest, sees_its_parent_end) {
  const Board board = Board::make();
  Process parent(
      [](const Board& notes) {
        Process child(
            [](const Board& inner) {
              inner.note("here", std::to_string(::getpid()));
              const auto above = *shoal::parent_process();
              above.join();
              inner.note("alone", std::to_string(above.is_alive()));
            },
            notes);
        child.start();
        child.join();
      },
      board);
  parent.start();
  EXPECT_TRUE(board.waits_for("here"));
  parent.kill();
  parent.join();
  EXPECT_EQ(board.read("alone"), "0");
}

TEST_P(FamilyTest, lists_children_that_run) {
  const Board boards[] = {Board::make(), Board::make()};
  Process first(stay, boards[0]), second(stay, boards[1]);
  first.start();
  second.start();
  EXPECT_EQ(shoal::active_children().size(), 2U);
  first.kill();
  first.join();
  const auto active = shoal::active_children();
  ASSERT_EQ(active.size(), 1U);
  EXPECT_EQ(active[0].name(), second.name());
  second.kill();
  EXPECT_TRUE(support::happens([] { return shoal::active_children().empty(); }));
}

TEST_P(FamilyTest, starts_processes_from_several_threads) {
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&right, thread] {
      for (int i = 0; i < 10; ++i) {
        Process process([](int code) { std::exit(code); }, 10 * thread + i);
        process.start();
        process.join();
        if (process.exitcode() == 10 * thread + i) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 40);
}

TEST_P(FamilyTest, is_joined_by_several_threads) {
  const Board board = Board::make();
  Process process(stay, board);
  process.start();
  std::atomic<int> joined{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      process.join();
      if (process.exitcode() == -SIGKILL) ++joined;
    });
  }
  process.kill();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(joined, 4);
}

TEST_P(FamilyTest, tells_its_code_though_sigchld_is_ignored) {
  struct sigaction before{};
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  Process process([] { std::exit(6); });
  process.start();
  process.join();
  ::sigaction(SIGCHLD, &before, nullptr);
  EXPECT_EQ(process.exitcode(), 6);
}

TEST_P(FamilyTest, lets_a_join_be_interrupted) {
  static volatile std::sig_atomic_t stop = 0;
  stop = 0;
  const auto before = shoal::set_interrupt_check([] { return stop != 0; });
  const auto handler = std::signal(SIGUSR1, [](int) { stop = 1; });
  const Board board = Board::make();
  Process process(stay, board);
  process.start();
  EXPECT_TRUE(board.waits_for("here"));
  ::raise(SIGUSR1);
  EXPECT_THROW(process.join(), shoal::Interrupted);
  stop = 0;
  process.kill();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGKILL);
  std::signal(SIGUSR1, handler);
  shoal::set_interrupt_check(before);
}

TEST(ForkFamily, is_not_disturbed_by_locks_that_other_threads_hold) {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&stop] {
      while (!stop) {
        static_cast<void>(shoal::active_children());
        static_cast<void>(std::make_unique<Process>(nothing));
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    Process process([] {
      Process inner([] { std::exit(2); });
      inner.start();
      inner.join();
      std::exit(*inner.exitcode() + static_cast<int>(shoal::active_children().size()));
    });
    process.start();
    ASSERT_TRUE(process.join_for(kDeadline));
    EXPECT_EQ(process.exitcode(), 2);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
}

TEST(ForkFamily, refuses_handles_of_the_parent_in_the_child) {
  const Board board = Board::make();
  Process other(stay, board);
  Process fresh(nothing);
  other.start();
  Process process([&] {
    EXPECT_THROW(other.join(), shoal::ProcessError);
    EXPECT_THROW(other.kill(), shoal::ProcessError);
    EXPECT_THROW(fresh.start(), shoal::ProcessError);
    EXPECT_EQ(other.name().substr(0, 8), "Process-");
    std::exit(testing::Test::HasFailure() ? 1 : 8);
  });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 8);
  other.kill();
  other.join();
}

struct OfTheParent {
  Board board;
  int maker = ::getpid();
  ~OfTheParent() {
    if (::getpid() != maker && board.has(".")) board.note("destroyed");
  }
};

TEST(ForkFamily, destroys_no_static_of_the_parent) {
  const Board board = Board::make();
  static const OfTheParent one{board};
  for (const bool by_exit : {false, true}) {
    Process process([by_exit] {
      if (by_exit) std::exit(5);
    });
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), by_exit ? 5 : 0);
  }
  EXPECT_FALSE(board.has("destroyed"));
}

}  // namespace
