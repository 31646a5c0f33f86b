// One process: its start, its end, and what its handle tells of both.
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <shoal/process.hpp>
#include <stdexcept>

#include "support/board.hpp"
#include "support/process_facts.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Process;
using support::Board;
using support::kDeadline;

class ProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, ProcessTest, support::kStartMethods, support::start_method_name);

void nothing() {}
// Until the starter has ended, or somebody ends it.
void stay(const Board& board) {
  board.note("here");
  shoal::parent_process()->join();
}
int seven() { return 7; }
void exit_with(int code) { std::exit(code); }
void throw_it(const std::string& what) { throw std::runtime_error(what); }
void throw_an_int() { throw 42; }
void print(const Board& board, bool by_exit) {
  ASSERT_NE(std::freopen(board.path("output").c_str(), "w", stdout), nullptr);
  std::printf("by printf");
  std::cout << ", by cout";
  if (by_exit) std::exit(3);
}

bool readable(int fd) {
  pollfd asked{fd, POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

TEST_P(ProcessTest, ends_with_code_0_when_the_target_returns) {
  Process process(nothing);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_FALSE(process.exception());
}

TEST_P(ProcessTest, drops_what_the_target_returns) {
  Process process(seven);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(ProcessTest, ends_with_the_code_of_std_exit) {
  Process process(exit_with, 9);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 9);
}

void end_thread() { ::pthread_exit(nullptr); }
void cancel_thread() {
  ::pthread_cancel(::pthread_self());
  ::pthread_testcancel();
}
void end_with_a_cancel_pending() { ::pthread_cancel(::pthread_self()); }

TEST_P(ProcessTest, ends_with_code_0_when_its_thread_ends_itself) {
  for (auto* const target : {end_thread, cancel_thread, end_with_a_cancel_pending}) {
    Process process(target);
    process.start();
    EXPECT_TRUE(process.join_for(kDeadline));
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_FALSE(process.exception());
  }
}

TEST_P(ProcessTest, brings_the_exception_that_ended_it) {
  Process process(throw_it, "disk full");
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 1);
  EXPECT_EQ(process.exception(), "std::runtime_error: disk full");
}

TEST_P(ProcessTest, brings_the_type_of_an_exception_without_a_message) {
  Process process(throw_an_int);
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 1);
  EXPECT_EQ(process.exception(), "int");
}

TEST_P(ProcessTest, cuts_the_message_of_an_exception_that_is_too_long) {
  Process process(throw_it, std::string(10'000'000, 'x'));
  process.start();
  process.join();
  EXPECT_EQ(process.exception()->size(), 16384U);
}

TEST_P(ProcessTest, tells_before_during_and_after_its_life) {
  const Board board = Board::make();
  Process process(stay, board);
  EXPECT_FALSE(process.is_alive());
  EXPECT_EQ(process.pid(), std::nullopt);
  EXPECT_EQ(process.exitcode(), std::nullopt);
  process.start();
  EXPECT_TRUE(board.waits_for("here"));
  EXPECT_TRUE(process.is_alive());
  EXPECT_GT(process.pid(), 0);
  EXPECT_EQ(process.exitcode(), std::nullopt);
  EXPECT_FALSE(process.join_for(1ms));
  EXPECT_FALSE(process.join_for(-1s));
  EXPECT_FALSE(readable(process.sentinel()));
  process.kill();
  EXPECT_TRUE(process.join_for(kDeadline));
  EXPECT_FALSE(process.is_alive());
  EXPECT_EQ(process.exitcode(), -SIGKILL);
  EXPECT_TRUE(readable(process.sentinel()));
  EXPECT_FALSE(process.exception());
}

TEST_P(ProcessTest, shows_a_death_that_came_from_elsewhere) {
  const Board board = Board::make();
  Process process(stay, board);
  process.start();
  EXPECT_TRUE(board.waits_for("here"));
  ::kill(*process.pid(), SIGUSR2);
  EXPECT_TRUE(support::happens([&] { return readable(process.sentinel()); }));
  EXPECT_EQ(process.exitcode(), -SIGUSR2);
  EXPECT_FALSE(process.is_alive());
}

TEST_P(ProcessTest, ends_when_terminated) {
  const Board board = Board::make();
  Process process(stay, board);
  process.start();
  EXPECT_TRUE(board.waits_for("here"));
  process.terminate();
  process.join();
  EXPECT_EQ(process.exitcode(), -SIGTERM);
  process.terminate();  // of no effect
}

TEST_P(ProcessTest, may_be_started_once_only) {
  Process process(nothing);
  process.start();
  EXPECT_THROW(process.start(), shoal::ProcessError);
  process.join();
  EXPECT_THROW(process.start(), shoal::ProcessError);
}

TEST_P(ProcessTest, refuses_what_needs_a_start_before_it) {
  Process process(nothing);
  EXPECT_THROW(process.join(), shoal::ProcessError);
  EXPECT_THROW(process.terminate(), shoal::ProcessError);
  EXPECT_THROW(static_cast<void>(process.sentinel()), shoal::ProcessError);
}

TEST_P(ProcessTest, can_be_closed_when_it_has_ended_and_not_before) {
  const Board board = Board::make();
  Process process(stay, board);
  process.start();
  EXPECT_THROW(process.close(), shoal::ProcessError);
  process.kill();
  process.join();
  process.close();
  EXPECT_THROW(process.join(), shoal::ClosedError);
  EXPECT_THROW(static_cast<void>(process.exitcode()), shoal::ClosedError);
  process.close();  // of no effect
}

TEST_P(ProcessTest, goes_on_when_its_handle_is_moved_or_destroyed) {
  const Board board = Board::make();
  int pid = 0;
  {
    Process first(stay, board);
    first.start();
    Process process = std::move(first);
    EXPECT_THROW(static_cast<void>(first.is_alive()), shoal::ProcessError);
    EXPECT_TRUE(board.waits_for("here"));
    pid = *process.pid();
  }
  auto active = shoal::active_children();
  ASSERT_EQ(active.size(), 1U);
  EXPECT_EQ(active[0].pid(), pid);
  active[0].kill();
  active[0].join();
  EXPECT_EQ(active[0].exitcode(), -SIGKILL);
}

TEST_P(ProcessTest, flushes_its_streams_however_it_ends) {
  for (const bool by_exit : {false, true}) {
    const Board board = Board::make();
    Process process(print, board, by_exit);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), by_exit ? 3 : 0);
    EXPECT_EQ(board.read("output"), "by printf, by cout");
  }
}

TEST_P(ProcessTest, reads_nothing_from_standard_input_and_leaves_it_to_the_parent) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const int saved = ::dup(STDIN_FILENO);
  ::dup2(ends[0], STDIN_FILENO);
  EXPECT_EQ(::write(ends[1], "abc", 3), 3);
  ::close(ends[1]);
  EXPECT_EQ(std::getchar(), 'a');
  Process process([] { std::exit(std::getchar() == EOF ? 0 : 1); });
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_EQ(std::getchar(), 'b');
  EXPECT_EQ(std::getchar(), 'c');
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  ::close(ends[0]);
}

TEST_P(ProcessTest, leaves_no_descriptor_and_no_zombie) {
  const Board board = Board::make();
  const auto run = [&] {
    Process ended(nothing), failed(throw_it, "on purpose"), killed(stay, board);
    for (auto* process : {&ended, &failed, &killed}) process->start();
    killed.kill();
    for (auto* process : {&ended, &failed, &killed}) process->join();
  };
  run();  // a forkserver stays
  const auto before = support::open_descriptors();
  for (int i = 0; i < 20; ++i) run();
  EXPECT_EQ(support::open_descriptors(), before);
  EXPECT_TRUE(shoal::active_children().empty());
  EXPECT_FALSE(support::has_zombies());
}

void note_descriptors(const Board& board) {
  std::string all;
  for (const auto& line : support::open_descriptors()) all += line + "\n";
  board.note("descriptors", all);
}

TEST_P(ProcessTest, inherits_no_descriptor_but_the_standard_ones_unless_forked) {
  if (GetParam() == shoal::StartMethod::fork) GTEST_SKIP() << "a fork has them all";
  const Board board = Board::make();
  const Board other = Board::make();
  std::ofstream mine(board.path("mine"));
  Process before(stay, other);
  before.start();
  Process process(note_descriptors, board);
  process.start();
  process.join();
  before.kill();
  before.join();
  std::istringstream lines(board.read("descriptors"));
  std::size_t sockets = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(line.find("memfd"), std::string::npos) << line;
    sockets += line.find("socket:") != std::string::npos ? 1 : 0;
  }
  // Its line, and the way to the forkserver.
  EXPECT_EQ(sockets, GetParam() == shoal::StartMethod::forkserver ? 2U : 1U);
}

}  // namespace
