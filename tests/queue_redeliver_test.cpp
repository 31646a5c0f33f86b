// Joinable queues that deliver again what the dead had in hand.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/board.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Bytes;
using shoal::Delivery;
using shoal::JoinableQueue;
using shoal::NotHeldError;
using shoal::Object;
using shoal::Process;
using shoal::Queue;
using support::Board;
using support::die_by_kill;
using support::ends_with;
using support::kDeadline;
using support::started;

constexpr std::size_t kLarge = 300'000;

template <class T>
JoinableQueue<T> redelivering() {
  return JoinableQueue<T>({.redeliver = true});
}

TEST(QueueRedeliver, is_for_joinable_queues) {
  EXPECT_THROW(Queue<int>({.redeliver = true}), std::invalid_argument);
}

TEST(QueueRedeliver, counts_one_where_nobody_dies) {
  for (const bool redeliver : {false, true}) {
    JoinableQueue<std::string> queue({.redeliver = redeliver});
    EXPECT_FALSE(queue.try_get_delivery().has_value());
    EXPECT_FALSE(queue.get_delivery_for(1ms).has_value());
    for (const std::string& text : {std::string("small"), std::string(kLarge, 'l')}) {
      for (int i = 0; i < 3; ++i) queue.put(text);
      for (const auto& got : {std::optional(queue.get_delivery()), queue.try_get_delivery(),
                              queue.get_delivery_for(kDeadline)}) {
        ASSERT_TRUE(got.has_value());
        EXPECT_EQ(got->item, text);
        EXPECT_EQ(got->count, 1U);
        queue.task_done();
      }
    }
    EXPECT_TRUE(queue.join_for(0s));
  }
}

TEST(QueueRedeliver, all_ways_to_get_take_in_hand) {
  JoinableQueue<Bytes> queue = redelivering<Bytes>();
  const Bytes small(10, std::byte{1});
  const Bytes large(kLarge, std::byte{2});
  for (const Bytes& item : {small, large}) {
    for (int i = 0; i < 6; ++i) queue.put(item);
    EXPECT_EQ(queue.get(), item);
    Bytes into;
    queue.get_into(into);
    EXPECT_EQ(into, item);
    const auto view = queue.get_view();
    EXPECT_TRUE(std::ranges::equal(view.bytes(), item));
    EXPECT_EQ(queue.get_many(2), (std::vector<Bytes>{item, item}));
    EXPECT_EQ(queue.get_delivery().item, item);
    for (int i = 0; i < 6; ++i) queue.task_done();
    EXPECT_THROW(queue.task_done(), NotHeldError);
    EXPECT_TRUE(std::ranges::equal(view.bytes(), item)) << "it is a copy";
  }
  auto loan = queue.loan(5);
  queue.put(std::move(loan));
  EXPECT_EQ(queue.get().size(), 5U);
  queue.task_done();
  queue.join();
}

TEST(QueueRedeliver, an_item_of_another_type_is_in_hand_all_the_same) {
  auto numbers = redelivering<int>();
  JoinableQueue<std::string> texts(numbers.core());
  texts.put("no number");
  EXPECT_ANY_THROW(static_cast<void>(numbers.get()));
  EXPECT_FALSE(numbers.join_for(0s));
  numbers.task_done();
  EXPECT_TRUE(numbers.join_for(0s));
}

TEST(QueueRedeliver, handles_are_refused) {
  auto queue = redelivering<Queue<int>>();
  EXPECT_THROW(queue.put(Queue<int>()), std::invalid_argument);
  EXPECT_TRUE(queue.empty());
}

TEST(QueueRedeliver, of_several_threads_each_ends_its_own) {
  constexpr int kItems = 3000;
  auto queue = redelivering<int>();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([queue]() mutable {
      while (queue.get() >= 0) queue.task_done();
      queue.task_done();
    });
  }
  for (int i = 0; i < kItems; ++i) queue.put(i);
  EXPECT_TRUE(queue.join_for(kDeadline));
  for (int i = 0; i < 4; ++i) queue.put(-1);
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(queue.join_for(kDeadline));
  EXPECT_THROW(queue.task_done(), NotHeldError);
}

// ---------------------------------------------------------------- between processes

class QueueRedeliverProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueRedeliverProcess, support::kStartMethods,
                         support::start_method_name);

void take_and_pause(const Board& board, JoinableQueue<std::string> queue, int take, int end) {
  for (int i = 0; i < take; ++i) static_cast<void>(queue.get());
  for (int i = 0; i < end; ++i) queue.task_done();
  board.note("in hand");
  ::pause();
}

// Is killed with so many of them in hand.
void lose(JoinableQueue<std::string>& queue, int take, int end = 0) {
  const Board board = Board::make();
  Process victim = started(take_and_pause, board, queue, take, end);
  ASSERT_TRUE(board.waits_for("in hand"));
  die_by_kill(victim);
}

TEST_P(QueueRedeliverProcess, what_the_dead_had_comes_again_the_oldest_first) {
  auto queue = redelivering<std::string>();
  const std::string large(kLarge, 'l');
  queue.put("done");
  queue.put("first");
  queue.put(large);
  lose(queue, 3, 1);
  EXPECT_FALSE(queue.join_for(0s));
  auto got = queue.get_delivery();
  EXPECT_EQ(got.item, "first");
  EXPECT_EQ(got.count, 2U);
  got = queue.get_delivery();
  EXPECT_EQ(got.item, large);
  EXPECT_EQ(got.count, 2U);
  EXPECT_FALSE(queue.try_get().has_value());
  queue.task_done();
  queue.task_done();
  EXPECT_TRUE(queue.join_for(0s));
}

TEST_P(QueueRedeliverProcess, the_count_tells_a_deadly_item) {
  auto queue = redelivering<std::string>();
  queue.put("deadly");
  for (std::uint32_t turn = 1; turn <= 3; ++turn) lose(queue, 1);
  EXPECT_EQ(queue.get_delivery().count, 4U);
}

TEST_P(QueueRedeliverProcess, who_waits_gets_what_one_had_that_dies) {
  auto queue = redelivering<std::string>();
  queue.put("item");
  const Board board = Board::make();
  Process victim = started(take_and_pause, board, queue, 1, 0);
  ASSERT_TRUE(board.waits_for("in hand"));
  std::thread waiter([queue]() mutable {
    EXPECT_EQ(queue.get(), "item");
    queue.task_done();
  });
  EXPECT_FALSE(queue.join_for(5ms));
  die_by_kill(victim);
  EXPECT_TRUE(queue.join_for(kDeadline));
  waiter.join();
}

TEST_P(QueueRedeliverProcess, wait_readable_sees_what_the_dead_had) {
  auto queue = redelivering<std::string>();
  queue.put("item");
  EXPECT_TRUE(queue.wait_readable_for(0s));
  lose(queue, 1);
  EXPECT_TRUE(queue.wait_readable_for(0s));
  EXPECT_TRUE(queue.try_get().has_value());
  EXPECT_FALSE(queue.wait_readable_for(0s));
}

void work(JoinableQueue<std::string> queue, Queue<std::string> results) {
  try {
    for (;;) {
      const auto got = queue.get_delivery();
      if (got.item == "deadly" && got.count < 3) ::kill(::getpid(), SIGKILL);
      results.put(got.item);
      queue.task_done();
    }
  } catch (const shoal::ShutDown&) {
  }
}

TEST_P(QueueRedeliverProcess, workers_that_die_lose_nothing) {
  constexpr int kItems = 200;
  auto queue = redelivering<std::string>();
  Queue<std::string> results;
  for (int i = 0; i < kItems; ++i) queue.put(i == kItems / 2 ? "deadly" : std::to_string(i));
  std::vector<Process> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(started(work, queue, results));
  EXPECT_TRUE(queue.join_for(kDeadline));
  queue.shutdown();
  int killed = 0;
  for (auto& worker : workers) {
    ASSERT_TRUE(worker.join_for(kDeadline));
    killed += worker.exitcode() == -SIGKILL;
  }
  EXPECT_EQ(killed, 2);
  EXPECT_EQ(results.qsize(), static_cast<std::size_t>(kItems)) << "each once, as none died after";
}

TEST_P(QueueRedeliverProcess, comes_again_after_shutdown_as_well) {
  auto queue = redelivering<std::string>();
  queue.put("item");
  lose(queue, 1);
  queue.shutdown();
  EXPECT_EQ(queue.get(), "item");
  EXPECT_THROW(static_cast<void>(queue.get()), shoal::ShutDown);
  queue.task_done();
  queue.join();
}

TEST_P(QueueRedeliverProcess, immediate_shutdown_drops_what_the_dead_had) {
  auto queue = redelivering<std::string>();
  for (int i = 0; i < 5; ++i) queue.put("item");
  lose(queue, 2);
  queue.shutdown(true);
  EXPECT_TRUE(queue.join_for(kDeadline));
  EXPECT_THROW(static_cast<void>(queue.get()), shoal::ShutDown);
}

}  // namespace
