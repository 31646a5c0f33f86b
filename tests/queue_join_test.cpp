// Queues that know which items are done: task_done and join, also where consumers die.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <vector>

#include "support/board.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::ConsumerDied;
using shoal::JoinableQueue;
using shoal::NotHeldError;
using shoal::Process;
using shoal::Queue;
using support::Board;
using support::die_by_kill;
using support::ends_with;
using support::kDeadline;
using support::started;

/// Removed afterwards.
struct Name {
  std::string text = "join-" + std::to_string(::getpid());
  ~Name() { std::filesystem::remove("/dev/shm/shoal." + text); }
};

TEST(QueueJoin, of_an_empty_queue_returns) {
  const JoinableQueue<int> queue;
  queue.join();
  EXPECT_TRUE(queue.join_for(0s));
}

TEST(QueueJoin, waits_for_items_in_the_queue_and_in_hand) {
  JoinableQueue<std::string> queue(3);
  queue.put("first");
  queue.put("second");
  EXPECT_FALSE(queue.join_for(0s));
  EXPECT_EQ(queue.get(), "first");
  EXPECT_EQ(queue.get(), "second");
  EXPECT_FALSE(queue.join_for(5ms));
  queue.task_done();
  EXPECT_FALSE(queue.join_for(-1s));
  queue.task_done();
  EXPECT_TRUE(queue.join_for(0s));
  queue.join();
}

TEST(QueueJoin, task_done_is_refused_where_all_are_done) {
  JoinableQueue<int> queue;
  EXPECT_THROW(queue.task_done(), NotHeldError);
  queue.put_many(std::vector{1, 2});
  EXPECT_EQ(queue.get_many(5).size(), 2U);
  queue.task_done();
  queue.task_done();
  EXPECT_THROW(queue.task_done(), NotHeldError);
  queue.put(3);
  EXPECT_EQ(queue.get(), 3);
  queue.task_done();
  queue.join();
}

TEST(QueueJoin, is_none_of_a_plain_queue) {
  EXPECT_THROW(JoinableQueue<int>(Queue<int>().core()), shoal::WrongKind);
  const Queue<int> plain;
  EXPECT_THROW(static_cast<void>(JoinableQueue<int>::attach(plain.descriptors())),
               shoal::WrongKind);
  EXPECT_NE(::fcntl(plain.descriptor(), F_GETFD), -1) << "it stays the caller's";
  const JoinableQueue<int> jobs;
  EXPECT_EQ(JoinableQueue<int>::attach(jobs.descriptor()), jobs);
  EXPECT_NE(::fcntl(jobs.descriptor(), F_GETFD), -1) << "it was the queue's own";
  const Name name;
  const Queue<int> queue({.name = name.text});
  EXPECT_THROW(static_cast<void>(JoinableQueue<int>::open(name.text)), shoal::WrongKind);
}

class QueueJoinProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueJoinProcess, support::kStartMethods,
                         support::start_method_name);

void work(JoinableQueue<int> queue, Queue<int> results) {
  for (int item = queue.get(); item >= 0; item = queue.get()) {
    results.put(2 * item);
    queue.task_done();
  }
  queue.task_done();
}

TEST_P(QueueJoinProcess, waits_for_all_workers) {
  constexpr int kItems = 3000;
  JoinableQueue<int> queue(50);
  Queue<int> results;
  std::vector<Process> workers;
  for (int i = 0; i < 2; ++i) workers.push_back(started(work, queue, results));
  for (int i = 0; i < kItems; ++i) queue.put(i);
  queue.join();
  EXPECT_EQ(results.qsize(), static_cast<std::size_t>(kItems)) << "each result before its end";
  for (int i = 0; i < 2; ++i) queue.put(-1);
  EXPECT_TRUE(queue.join_for(kDeadline));
  for (auto& worker : workers) ends_with(worker, 0);
  EXPECT_THROW(queue.task_done(), NotHeldError);
}

void take_and_pause(const Board& board, JoinableQueue<int> queue, int take, int end) {
  for (int i = 0; i < take; ++i) static_cast<void>(queue.get());
  for (int i = 0; i < end; ++i) queue.task_done();
  board.note("in hand");
  ::pause();
}

/// A consumer that took so many, ended so many, and was killed.
Process dead_consumer(JoinableQueue<int>& queue, int take, int end) {
  const Board board = Board::make();
  Process process = started(take_and_pause, board, queue, take, end);
  EXPECT_TRUE(board.waits_for("in hand"));
  die_by_kill(process);
  return process;
}

void expect_lost(const JoinableQueue<int>& queue, int pid, std::size_t items) {
  try {
    queue.join();
    ADD_FAILURE() << "returned";
  } catch (const ConsumerDied& died) {
    EXPECT_EQ(died.pid(), pid);
    EXPECT_EQ(died.items(), items) << died.what();
    EXPECT_NE(std::string(died.what()).find(std::to_string(pid)), std::string::npos);
  }
}

TEST_P(QueueJoinProcess, names_a_killed_consumer) {
  JoinableQueue<int> queue;
  queue.put_many(std::vector{1, 2, 3, 4});
  const Process dead = dead_consumer(queue, 3, 1);
  expect_lost(queue, *dead.pid(), 2);
  EXPECT_THROW(static_cast<void>(queue.join_for(0s)), ConsumerDied);
  EXPECT_EQ(queue.get(), 4);
  queue.task_done();
  expect_lost(queue, *dead.pid(), 2);
}

TEST_P(QueueJoinProcess, goes_on_when_others_end_what_the_dead_had) {
  JoinableQueue<int> queue;
  queue.put_many(std::vector{1, 2, 3});
  const Process dead = dead_consumer(queue, 2, 0);
  queue.task_done();
  expect_lost(queue, *dead.pid(), 1);
  queue.task_done();
  EXPECT_FALSE(queue.join_for(5ms)) << "one is in the queue";
  EXPECT_EQ(queue.get(), 3);
  EXPECT_FALSE(queue.join_for(5ms)) << "one is in hand";
  queue.task_done();
  queue.join();
  queue.put(4);
  const Process next = dead_consumer(queue, 1, 0);
  expect_lost(queue, *next.pid(), 1);
}

TEST_P(QueueJoinProcess, does_not_miss_who_ended_all_it_took) {
  JoinableQueue<int> queue;
  queue.put_many(std::vector{1, 2, 3});
  dead_consumer(queue, 2, 2);
  EXPECT_FALSE(queue.join_for(5ms));
  EXPECT_EQ(queue.get(), 3);
  queue.task_done();
  queue.join();
}

TEST_P(QueueJoinProcess, misses_the_dead_also_where_others_end_what_the_living_took) {
  const Board board = Board::make();
  JoinableQueue<int> queue;
  queue.put_many(std::vector<int>(5, 1));
  Process alive = started(take_and_pause, board, queue, 3, 0);
  EXPECT_TRUE(board.waits_for("in hand"));
  for (int i = 0; i < 3; ++i) queue.task_done();
  const Process dead = dead_consumer(queue, 2, 0);
  expect_lost(queue, *dead.pid(), 2);
  die_by_kill(alive);
  expect_lost(queue, *dead.pid(), 2);
}

TEST_P(QueueJoinProcess, counts_the_items_of_several_dead) {
  JoinableQueue<int> queue;
  queue.put_many(std::vector<int>(10, 1));
  dead_consumer(queue, 3, 1);
  dead_consumer(queue, 4, 0);
  try {
    queue.join();
    ADD_FAILURE() << "returned";
  } catch (const ConsumerDied& died) {
    EXPECT_EQ(died.items(), 6U);
  }
}

void join_and_tell(const Board& board, JoinableQueue<int> queue) {
  board.note("joins");
  try {
    queue.join();
    board.note("end", "returned");
  } catch (const ConsumerDied& died) {
    board.note("end", std::to_string(died.pid()) + " had " + std::to_string(died.items()));
  }
}

TEST_P(QueueJoinProcess, tells_those_who_wait_by_then) {
  const Board board = Board::make();
  JoinableQueue<int> queue;
  queue.put_many(std::vector{1, 2});
  Process consumer = started(take_and_pause, board, queue, 2, 0);
  EXPECT_TRUE(board.waits_for("in hand"));
  Process joins = started(join_and_tell, board, queue);
  EXPECT_TRUE(board.waits_for("joins"));
  die_by_kill(consumer);
  EXPECT_EQ(board.read("end"), std::to_string(*consumer.pid()) + " had 2");
  ends_with(joins, 0);
}

TEST_P(QueueJoinProcess, wakes_all_who_wait) {
  const Board one = Board::make();
  const Board other = Board::make();
  JoinableQueue<int> queue;
  queue.put(1);
  Process first = started(join_and_tell, one, queue);
  Process second = started(join_and_tell, other, queue);
  EXPECT_TRUE(one.waits_for("joins"));
  EXPECT_TRUE(other.waits_for("joins"));
  EXPECT_EQ(queue.get(), 1);
  EXPECT_FALSE(one.has("end"));
  queue.task_done();
  EXPECT_EQ(one.read("end"), "returned");
  EXPECT_EQ(other.read("end"), "returned");
  ends_with(first, 0);
  ends_with(second, 0);
}

void end_one_that_arrives(Queue<JoinableQueue<int>> queues) {
  JoinableQueue<int> queue = queues.get();
  static_cast<void>(queue.get());
  queue.task_done();
}

TEST_P(QueueJoinProcess, travels_through_a_queue) {
  Queue<JoinableQueue<int>> queues;
  JoinableQueue<int> queue;
  queue.put(1);
  Process process = started(end_one_that_arrives, queues);
  queues.put(queue);
  EXPECT_TRUE(queue.join_for(kDeadline));
  ends_with(process, 0);
}

void end_one_by_name(const std::string& name) {
  auto queue = JoinableQueue<int>::open(name);
  static_cast<void>(queue.get());
  queue.task_done();
}

TEST_P(QueueJoinProcess, is_opened_by_name) {
  const Name name;
  JoinableQueue<int> queue({.name = name.text});
  queue.put(1);
  Process process = started(end_one_by_name, name.text);
  EXPECT_TRUE(queue.join_for(kDeadline));
  ends_with(process, 0);
}

void take_for_ever(JoinableQueue<int> queue) {
  for (;;) {
    static_cast<void>(queue.get());
    queue.task_done();
  }
}

TEST_P(QueueJoinProcess, misses_no_more_than_one_item_of_each_killed_in_traffic) {
  JoinableQueue<int> queue(20);
  for (int round = 0; round < 5; ++round) {
    Process victim = started(take_for_ever, queue);
    for (int i = 0; i < 200; ++i) queue.put(i);
    die_by_kill(victim);
    while (queue.try_get()) queue.task_done();
    std::size_t lost = 0;
    try {
      EXPECT_TRUE(queue.join_for(kDeadline));
    } catch (const ConsumerDied& died) {
      lost = died.items();
      EXPECT_EQ(died.pid(), *victim.pid());
    }
    EXPECT_LE(lost, 1U);
    for (std::size_t i = 0; i < lost; ++i) queue.task_done();
    EXPECT_TRUE(queue.join_for(kDeadline));
    EXPECT_THROW(queue.task_done(), NotHeldError);
  }
}

}  // namespace
