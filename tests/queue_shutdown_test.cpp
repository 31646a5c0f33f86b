// The end of a queue for all who use it: shutdown.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <vector>

#include "support/board.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::JoinableQueue;
using shoal::Lock;
using shoal::Process;
using shoal::Queue;
using shoal::ShutDown;
using support::Board;
using support::ends_with;
using support::kDeadline;
using support::started;

template <class Call>
bool is_shut_down(Call call) {
  try {
    static_cast<void>(call());
    return false;
  } catch (const ShutDown&) {
    return true;
  }
}

void expect_no_puts(Queue<int>& queue) {
  EXPECT_THROW(queue.put(9), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.try_put(9)), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.put_for(9, 1h)), ShutDown);
  EXPECT_THROW(queue.put_many(std::vector{9, 9}), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.put_many_for(std::vector{9}, 0s)), ShutDown);
}
void expect_no_gets(Queue<int>& queue) {
  EXPECT_THROW(static_cast<void>(queue.get()), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.try_get()), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.get_for(1h)), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.get_many(2)), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.try_get_many(2)), ShutDown);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.qsize(), 0U);
}

TEST(QueueShutdown, lets_what_was_put_be_got) {
  Queue<int> queue(5);
  queue.put_many(std::vector{1, 2, 3, 4});
  queue.shutdown();
  expect_no_puts(queue);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.try_get(), 2);
  EXPECT_EQ(queue.get_many(10), (std::vector{3, 4}));
  expect_no_gets(queue);
}

TEST(QueueShutdown, refuses_a_put_to_a_full_queue_as_well) {
  Queue<int> queue(1);
  queue.put(1);
  queue.shutdown();
  expect_no_puts(queue);
  EXPECT_EQ(queue.get(), 1);
}

TEST(QueueShutdown, drops_all_where_it_is_immediate) {
  Queue<int> queue;
  for (int i = 0; i < 10'000; ++i) queue.put(i);
  queue.shutdown(true);
  expect_no_puts(queue);
  expect_no_gets(queue);
}

TEST(QueueShutdown, may_be_repeated_and_becomes_immediate) {
  Queue<int> queue;
  queue.put_many(std::vector{1, 2});
  queue.shutdown();
  queue.shutdown();
  EXPECT_EQ(queue.get(), 1);
  queue.shutdown(true);
  expect_no_gets(queue);
  queue.shutdown();
  queue.shutdown(true);
  expect_no_gets(queue);
  expect_no_puts(queue);
}

TEST(QueueShutdown, drops_handles_and_large_items) {
  Queue<std::optional<Lock>> locks;
  for (int i = 0; i < 50; ++i) locks.put(i % 2 == 0 ? std::optional<Lock>(Lock()) : std::nullopt);
  locks.shutdown(true);
  EXPECT_TRUE(is_shut_down([&] { return locks.try_get(); }));
  Queue<std::string> strings;
  for (int i = 0; i < 5; ++i) strings.put(std::string(500'000, 'x'));
  strings.shutdown(true);
  EXPECT_TRUE(is_shut_down([&] { return strings.get(); }));
}

TEST(QueueShutdown, is_told_by_a_closed_queue_too) {
  Queue<int> closed;
  auto queue = Queue<int>::attach(::dup(closed.descriptor()));
  closed.close();
  closed.shutdown();
  EXPECT_THROW(queue.put(1), shoal::ShutDown);
}

TEST(QueueShutdown, lets_join_return_where_it_is_immediate) {
  JoinableQueue<int> queue;
  queue.put_many(std::vector{1, 2, 3});
  queue.shutdown();
  EXPECT_FALSE(queue.join_for(5ms));
  queue.shutdown(true);
  queue.join();
  EXPECT_THROW(queue.task_done(), shoal::NotHeldError);
}

TEST(QueueShutdown, leaves_what_is_in_hand_to_be_ended) {
  for (const bool immediate : {false, true}) {
    JoinableQueue<int> queue;
    queue.put_many(std::vector{1, 2, 3});
    EXPECT_EQ(queue.get_many(immediate ? 1 : 3).front(), 1);
    queue.shutdown(immediate);
    for (int i = immediate ? 2 : 0; i < 3; ++i) {
      EXPECT_FALSE(queue.join_for(5ms));
      queue.task_done();
    }
    queue.join();
  }
}

class QueueShutdownProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueShutdownProcess, support::kStartMethods,
                         support::start_method_name);

void get_until_shut(const Board& board, Queue<int> queue, const std::string& name) {
  board.note(name + " waits");
  board.note(name, is_shut_down([&] { return queue.get(); }) ? "shut down" : "an item");
}
void put_until_shut(const Board& board, Queue<int> queue, const std::string& name) {
  board.note(name + " waits");
  const bool shut = is_shut_down([&] {
    queue.put(2);
    return 0;
  });
  board.note(name, shut ? "shut down" : "has put");
}

TEST_P(QueueShutdownProcess, wakes_all_who_wait) {
  for (const bool immediate : {false, true}) {
    const Board board = Board::make();
    Queue<int> empty;
    Queue<int> full(1);
    full.put(1);
    std::vector<Process> all;
    std::vector<std::string> names;
    for (const std::string number : {"1", "2", "3"}) {
      all.push_back(started(get_until_shut, board, empty, "get " + number));
      all.push_back(started(put_until_shut, board, full, "put " + number));
      for (const char* what : {"get ", "put "}) names.push_back(what + number);
    }
    for (const auto& name : names) EXPECT_TRUE(board.waits_for(name + " waits"));
    empty.shutdown(immediate);
    full.shutdown(immediate);
    for (const auto& name : names) EXPECT_EQ(board.read(name), "shut down");
    for (auto& process : all) ends_with(process, 0);
    if (!immediate) {
      EXPECT_EQ(full.try_get(), 1);
    }
    expect_no_gets(full);
  }
}

void put_all_and_shut_down(Queue<int> queue, int count) {
  for (int i = 0; i < count; ++i) queue.put(i);
  queue.shutdown();
}

TEST_P(QueueShutdownProcess, takes_the_place_of_an_item_that_says_so) {
  Queue<int> queue(10);
  Process process = started(put_all_and_shut_down, queue, 1000);
  int count = 0;
  EXPECT_TRUE(is_shut_down([&] {
    for (;; ++count) EXPECT_EQ(queue.get(), count);
  }));
  EXPECT_EQ(count, 1000);
  ends_with(process, 0);
}

void join_it(const Board& board, JoinableQueue<int> queue) {
  board.note("joins");
  queue.join();
  board.note("joined");
}

TEST_P(QueueShutdownProcess, lets_those_return_who_join) {
  const Board board = Board::make();
  JoinableQueue<int> queue;
  queue.put_many(std::vector{1, 2});
  EXPECT_EQ(queue.get(), 1);
  Process process = started(join_it, board, queue);
  EXPECT_TRUE(board.waits_for("joins"));
  queue.shutdown(true);
  EXPECT_FALSE(board.has("joined")) << "one is in hand";
  queue.task_done();
  EXPECT_TRUE(board.waits_for("joined"));
  ends_with(process, 0);
}

void shut_down_by_name(const std::string& name) { Queue<int>::open(name).shutdown(); }

TEST_P(QueueShutdownProcess, holds_for_a_name_as_long_as_it_lives) {
  const std::string name = "shutdown-" + std::to_string(::getpid());
  Queue<int> queue({.name = name});
  queue.put(1);
  Process process = started(shut_down_by_name, name);
  ends_with(process, 0);
  auto opened = Queue<int>::open(name);
  expect_no_puts(opened);
  EXPECT_EQ(opened.get(), 1);
  expect_no_gets(queue);
  Queue<int>::unlink(name);
}

}  // namespace
