// The contract of queues between processes, under each start method.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/board.hpp"
#include "support/start_methods.hpp"

namespace {

using shoal::Process;
using shoal::Queue;
using support::Board;
using support::kDeadline;

class QueueProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueProcessTest, support::kStartMethods,
                         support::start_method_name);

void expect_end(Process& process, int exitcode = 0) {
  EXPECT_TRUE(process.join_for(kDeadline));
  EXPECT_EQ(process.exitcode(), exitcode);
}

void echo(Queue<std::string> from, Queue<std::string> to) {
  for (std::string item = from.get(); item != "end"; item = from.get()) to.put(item);
}

TEST_P(QueueProcessTest, takes_items_to_a_child_and_back) {
  Queue<std::string> there(5);
  Queue<std::string> back;
  Process process(echo, there, back);
  process.start();
  for (const std::size_t size : {0U, 1U, 255U, 256U, 70'000U, 5'000'000U}) {
    there.put(std::string(size, 'x'));
    EXPECT_EQ(back.get_for(kDeadline), std::string(size, 'x'));
  }
  there.put("end");
  expect_end(process);
}

using Item = std::pair<int, int>;

void produce(Queue<Item> queue, int producer, int count) {
  for (int i = 0; i < count; ++i) queue.put({producer, i});
}
void count_items(Queue<Item> queue, Queue<std::vector<int>> counts) {
  std::vector<int> next;
  int taken = 0;
  bool in_order = true;
  for (Item item = queue.get(); item.first >= 0; item = queue.get(), ++taken) {
    const auto producer = static_cast<std::size_t>(item.first);
    if (next.size() <= producer) next.resize(producer + 1);
    in_order = in_order && item.second >= next[producer];
    next[producer] = item.second + 1;
  }
  counts.put({taken, static_cast<int>(in_order)});
}

TEST_P(QueueProcessTest, delivers_each_item_once_and_each_producers_in_order) {
  constexpr int kEach = 20'000;
  for (const int maxsize : {0, 10}) {
    Queue<Item> queue(maxsize);
    Queue<std::vector<int>> counts;
    std::vector<Process> producers;
    std::vector<Process> consumers;
    for (int i = 0; i < 3; ++i) producers.emplace_back(produce, queue, i, kEach).start();
    for (int i = 0; i < 2; ++i) consumers.emplace_back(count_items, queue, counts).start();
    for (auto& process : producers) expect_end(process);
    for (std::size_t i = 0; i < consumers.size(); ++i) queue.put({-1, 0});
    int taken = 0;
    for (auto& process : consumers) {
      expect_end(process);
      const std::vector<int> count = counts.get();
      taken += count.at(0);
      EXPECT_EQ(count.at(1), 1) << "out of order";
    }
    EXPECT_EQ(taken, 3 * kEach);
    EXPECT_TRUE(queue.empty());
  }
}

void put_by_grandchild(Queue<Item> queue) {
  Process process(produce, queue, 7, 3);
  process.start();
  process.join();
}

TEST_P(QueueProcessTest, is_passed_on_to_grandchildren) {
  Queue<Item> queue;
  Process process(put_by_grandchild, queue);
  process.start();
  expect_end(process);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.try_get(), Item(7, i));
}

void put_and_die(Queue<std::string> queue) {
  queue.put("first");
  queue.put(std::string(2'000'000, 'x'));
  ::raise(SIGKILL);
}

TEST_P(QueueProcessTest, keeps_what_a_killed_producer_has_put) {
  Queue<std::string> queue;
  Process process(put_and_die, queue);
  process.start();
  expect_end(process, -SIGKILL);
  EXPECT_EQ(queue.qsize(), 2U);
  EXPECT_EQ(queue.try_get(), "first");
  EXPECT_EQ(queue.try_get(), std::string(2'000'000, 'x'));
}

void get_one(const Board& board, Queue<int> queue) {
  board.note("getting " + std::to_string(::getpid()));
  static_cast<void>(queue.get());
}
void put_one(const Board& board, Queue<int> queue) {
  board.note("putting " + std::to_string(::getpid()));
  queue.put(7);
}

TEST_P(QueueProcessTest, is_not_stopped_by_those_killed_in_a_wait) {
  const Board board = Board::make();
  Queue<int> empty;
  Queue<int> full(1);
  full.put(1);
  std::vector<Process> victims;
  for (int i = 0; i < 2; ++i) {
    victims.emplace_back(get_one, board, empty).start();
    EXPECT_TRUE(board.waits_for("getting " + std::to_string(*victims.back().pid())));
    victims.emplace_back(put_one, board, full).start();
    EXPECT_TRUE(board.waits_for("putting " + std::to_string(*victims.back().pid())));
  }
  Process last_get(get_one, board, empty);
  Process last_put(put_one, board, full);
  last_get.start();
  last_put.start();
  for (auto& victim : victims) victim.kill();
  for (auto& victim : victims) expect_end(victim, -SIGKILL);
  empty.put(1);
  EXPECT_EQ(full.get_for(kDeadline), 1);
  expect_end(last_get);
  expect_end(last_put);
  EXPECT_EQ(full.get_for(kDeadline), 7);
  EXPECT_EQ(empty.qsize() + full.qsize(), 0U);
}

void put_a_number(Queue<int> queue) { queue.put(1); }

TEST_P(QueueProcessTest, is_open_in_a_child_of_the_process_that_closed_it) {
  Queue<int> queue;
  queue.close();
  Process process(put_a_number, queue);
  process.start();
  expect_end(process);
  EXPECT_TRUE(queue.closed());
  EXPECT_EQ(queue.qsize(), 1U);
}

void close_it(Queue<int> queue) { queue.close(); }

TEST_P(QueueProcessTest, is_closed_for_one_process_only) {
  Queue<int> queue;
  Process process(close_it, queue);
  process.start();
  expect_end(process);
  queue.put(1);
  EXPECT_EQ(queue.get(), 1);
}

}  // namespace
