// The forkserver: whose child it is, and what follows when it is killed.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <shoal/process.hpp>

#include "support/board.hpp"
#include "support/process_facts.hpp"

namespace {

using shoal::Process;
using support::Board;
using support::kDeadline;

class ForkserverTest : public testing::Test {
 protected:
  void SetUp() override { shoal::set_start_method(shoal::StartMethod::forkserver); }
  void TearDown() override { shoal::set_start_method(shoal::StartMethod::fork); }
};

void note_server(const Board& board) { board.note("server", std::to_string(::getppid())); }
void stay(const Board& board) {
  board.note("here");
  shoal::parent_process()->join();
}

int server_of(void (*target)(const Board&)) {
  const Board board = Board::make();
  Process process(target, board);
  process.start();
  process.join();
  return std::stoi(board.read("server"));
}

TEST_F(ForkserverTest, is_one_for_all_children_and_theirs) {
  const int server = server_of(note_server);
  EXPECT_NE(server, ::getpid());
  EXPECT_EQ(server_of(note_server), server);
  const auto from_below = [](const Board& board) {
    Process child(note_server, board);
    child.start();
    child.join();
  };
  EXPECT_EQ(server_of(from_below), server);
  Process forked({.start_method = shoal::StartMethod::fork}, [server] {
    shoal::set_start_method(shoal::StartMethod::forkserver);
    std::exit(server_of(note_server) == server ? 0 : 1);
  });
  forked.start();
  forked.join();
  EXPECT_EQ(forked.exitcode(), 0);
}

TEST_F(ForkserverTest, is_replaced_when_it_was_killed) {
  const int server = server_of(note_server);
  for (int i = 0; i < 5; ++i) {
    const int before = server_of(note_server);
    ::kill(before, SIGKILL);
    EXPECT_NE(server_of(note_server), before);
  }
  EXPECT_TRUE(support::ends(server));
}

TEST_F(ForkserverTest, leaves_its_children_running_when_it_is_killed) {
  const Board board = Board::make();
  const int server = server_of(note_server);
  Process killed(stay, board);
  Process ended(
      [](const Board& notes) {
        static_cast<void>(notes.waits_for("go"));
        std::exit(3);
      },
      board);
  killed.start();
  ended.start();
  EXPECT_TRUE(board.waits_for("here"));
  ::kill(server, SIGKILL);
  EXPECT_TRUE(support::happens([&] {  // a look at the children takes away its remains
    return shoal::active_children().size() == 2 && ::kill(server, 0) != 0;
  }));
  EXPECT_TRUE(killed.is_alive());
  killed.kill();
  killed.join();
  EXPECT_EQ(killed.exitcode(), 255);  // nobody knows
  board.note("go");
  ended.join();
  EXPECT_EQ(ended.exitcode(), 3);  // it said so itself
}

TEST_F(ForkserverTest, does_not_keep_others_waiting_when_it_is_stopped) {
  const Board board = Board::make();
  const int server = server_of(note_server);
  Process process(
      [](const Board& notes) {
        notes.note("here");
        static_cast<void>(notes.waits_for("go"));
        std::exit(3);
      },
      board);
  process.start();
  EXPECT_TRUE(board.waits_for("here"));
  ::kill(server, SIGSTOP);
  board.note("go");
  EXPECT_TRUE(process.join_for(kDeadline));
  EXPECT_EQ(process.exitcode(), 3);
  ::kill(server, SIGCONT);
}

TEST_F(ForkserverTest, outlives_clients_that_are_killed_while_they_ask) {
  const int server = server_of(note_server);
  for (int i = 0; i < 20; ++i) {
    const Board board = Board::make();
    Process client({.start_method = shoal::StartMethod::fork}, [&board] {
      shoal::set_start_method(shoal::StartMethod::forkserver);
      for (int count = 0;; ++count) {
        Process([] {}).start();
        board.note(std::to_string(count));
      }
    });
    client.start();
    EXPECT_TRUE(board.waits_for(std::to_string(i)));
    client.kill();
    client.join();
  }
  EXPECT_EQ(server_of(note_server), server);
}

TEST_F(ForkserverTest, ends_with_the_last_who_could_ask_it) {
  const Board board = Board::make();
  Process program(
      {.start_method = shoal::StartMethod::spawn},
      [](const Board& notes) {
        shoal::set_start_method(shoal::StartMethod::forkserver);
        Process child([](const Board& inner) { note_server(inner); }, notes);
        child.start();
        child.join();
        ::raise(SIGKILL);
      },
      board);
  program.start();
  program.join();
  EXPECT_EQ(program.exitcode(), -SIGKILL);
  EXPECT_TRUE(support::ends(std::stoi(board.read("server"))));
}

}  // namespace
