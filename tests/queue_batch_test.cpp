// Several items at a time: put_many and get_many, in one process and between processes.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <climits>
#include <numeric>
#include <optional>
#include <ranges>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "channel/queue_core.hpp"
#include "support/board.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Lock;
using shoal::Process;
using shoal::Queue;
using support::Board;
using support::die_by_kill;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::started;

constexpr std::size_t kAll = 1U << 30U;

// One that is put again when it is taken.
struct PutsAgain {
  static inline Queue<PutsAgain>* queue = nullptr;
};

}  // namespace

template <>
struct shoal::Codec<PutsAgain> {
  static void encode(pickle::Encoder& encoder, const PutsAgain&) { encoder.none(); }
  static PutsAgain decode(const Object&) {
    PutsAgain::queue->put(PutsAgain());
    return {};
  }
};

namespace {

std::vector<int> numbers(int count, int first = 0) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), first);
  return all;
}

std::vector<std::string> strings_of(const std::vector<std::size_t>& sizes) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    all.emplace_back(sizes[i], static_cast<char>('a' + i % 26));
  }
  return all;
}

TEST(QueueBatch, of_nothing_changes_nothing) {
  Queue<int> queue(1);
  Queue<std::string> strings;
  queue.put_many(std::vector<int>{});
  strings.put_many(std::vector<std::string>{});
  EXPECT_TRUE(queue.empty() && strings.empty());
  queue.put(1);
  queue.put_many(std::vector<int>{});
  EXPECT_EQ(queue.put_many_for(std::vector<int>{}, 1h), 0U) << "also where it is full";
  EXPECT_EQ(queue.qsize(), 1U);
}

TEST(QueueBatch, takes_any_range) {
  Queue<int> queue;
  queue.put_many(std::views::iota(0, 10) | std::views::transform([](int i) { return i * i; }));
  EXPECT_EQ(queue.get_many(3), (std::vector{0, 1, 4}));
  EXPECT_EQ(queue.qsize(), 7U);
}

TEST(QueueBatch, keeps_the_order_of_more_than_a_batch) {
  for (const int count : {1, 63, 64, 65, 255, 256, 257, 10'000}) {
    Queue<int> queue;
    queue.put_many(numbers(count));
    EXPECT_EQ(queue.qsize(), static_cast<std::size_t>(count));
    EXPECT_EQ(queue.get_many(kAll), numbers(count));
    Queue<std::string> strings;
    const auto items = strings_of(std::vector<std::size_t>(static_cast<std::size_t>(count), 10));
    strings.put_many(items);
    EXPECT_EQ(strings.get_many(kAll), items);
  }
}

TEST(QueueBatch, carries_large_items_among_small_ones) {
  const auto items =
      strings_of({3, 70'000, 0, 65'536, 65'535, 5, 2'000'000, 1, 64, 300'000, 300'000, 300'000});
  Queue<std::string> queue;
  queue.put_many(items);
  EXPECT_EQ(queue.qsize(), items.size());
  EXPECT_EQ(queue.get_many(kAll), items);
}

TEST(QueueBatch, takes_no_more_than_it_is_asked_for) {
  Queue<std::string> queue;
  const auto items = strings_of({1, 2, 3, 100'000, 4});
  queue.put_many(items);
  EXPECT_TRUE(queue.get_many(0).empty());
  EXPECT_EQ(queue.get_many(1), (std::vector{items[0]}));
  EXPECT_EQ(queue.try_get_many(3), (std::vector{items[1], items[2], items[3]}));
  EXPECT_EQ(queue.get_many_for(kAll, kDeadline), (std::vector{items[4]}));
  EXPECT_TRUE(queue.try_get_many(5).empty());
  EXPECT_TRUE(queue.get_many_for(5, 5ms).empty());
  EXPECT_TRUE(queue.get_many(0).empty()) << "and does not wait for nothing";
}

TEST(QueueBatch, says_how_many_there_was_room_for) {
  Queue<int> queue(300);
  EXPECT_EQ(queue.put_many_for(numbers(1000), 5ms), 300U);
  EXPECT_TRUE(queue.full());
  EXPECT_EQ(queue.get_many(100), numbers(100));
  EXPECT_EQ(queue.put_many_for(numbers(50, 300), 0s), 50U);
  EXPECT_EQ(queue.get_many(kAll), numbers(250, 100));
  Queue<std::string> strings(2);
  EXPECT_EQ(strings.put_many_for(strings_of({1, 70'000, 3}), -1s), 2U);
  EXPECT_EQ(strings.qsize(), 2U);
}

TEST(QueueBatch, converts_as_put_does) {
  Queue<unsigned> queue;
  queue.put(static_cast<unsigned>(-1));
  queue.put_many(std::vector<int>{-1, 2});
  EXPECT_EQ(queue.get_many(3), (std::vector<unsigned>{UINT_MAX, UINT_MAX, 2}));
}

TEST(QueueBatch, takes_a_range_that_only_moves) {
  Queue<int> queue;
  std::istringstream text("1 2 3");
  queue.put_many(std::views::istream<int>(text));
  queue.put_many(numbers(6) | std::views::filter([](int i) { return i % 2 == 0; }));
  EXPECT_EQ(queue.get_many(kAll), (std::vector{1, 2, 3, 0, 2, 4}));
}

TEST(QueueBatch, goes_behind_what_is_there) {
  Queue<std::string> queue;
  const auto items = strings_of({1, 2, 100'000, 4});
  queue.put_many(items);
  std::vector<std::string> all;
  EXPECT_EQ(queue.get_many_into(all, 2), 2U);
  EXPECT_EQ(queue.try_get_many_into(all, kAll), 2U);
  EXPECT_EQ(queue.try_get_many_into(all, kAll), 0U);
  EXPECT_EQ(queue.get_many_into(all, 0), 0U) << "and does not wait for nothing";
  EXPECT_EQ(queue.get_many_into(std::span(all).first(0)), 0U) << "nor where there is no room";
  EXPECT_EQ(all, items);
}

TEST(QueueBatch, leaves_the_others_where_one_is_of_another_type) {
  Queue<shoal::Object> objects;
  objects.put_many(
      std::vector<shoal::Object>{shoal::Object(1), shoal::Object("text"), shoal::Object(2)});
  Queue<int> queue(objects.core());
  std::vector<int> all;
  EXPECT_THROW(queue.get_many_into(all, kAll), shoal::PickleError);
  EXPECT_EQ(all, (std::vector{1, 2}));
  EXPECT_TRUE(queue.empty());
}

// So large that it is taken by itself, behind a batch.
TEST(QueueBatch, says_what_was_wrong_with_an_item_that_it_took) {
  const std::string large(100'000, 'x');
  const auto part = std::as_bytes(std::span(large));
  Queue<int> queue;
  queue.put(1);
  queue.core()->ring().put({&part, 1}, shoal::ring::Encoding{77}, shoal::os::Deadline::never());
  queue.put(2);
  std::vector<int> all;
  EXPECT_THROW(queue.get_many_into(all, kAll), shoal::Damaged);
  EXPECT_EQ(all, std::vector{1});
  EXPECT_EQ(queue.get_many(kAll), std::vector{2}) << "that one was taken, and no other";
}

TEST(QueueBatch, leaves_large_ones_of_another_type_to_nobody) {
  Queue<shoal::Object> objects;
  objects.put_many(std::vector<shoal::Object>{
      shoal::Object(1), shoal::Object(std::string(100'000, 'x')), shoal::Object(2)});
  Queue<int> queue(objects.core());
  std::vector<int> all;
  EXPECT_THROW(queue.get_many_into(all, kAll), shoal::PickleError);
  EXPECT_EQ(all, std::vector{1});
  EXPECT_EQ(queue.get_many(kAll), std::vector{2});
}

TEST(QueueBatch, takes_what_was_there_however_quick_producers_are) {
  Queue<PutsAgain> queue;
  PutsAgain::queue = &queue;
  queue.put_many(std::vector<PutsAgain>(3));
  EXPECT_EQ(queue.get_many(kAll).size(), 6U);
  EXPECT_EQ(queue.qsize(), 3U);
  PutsAgain::queue = nullptr;
}

TEST(QueueBatch, is_taken_one_by_one_and_the_other_way_round) {
  Queue<int> queue;
  queue.put_many(numbers(100));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.try_get(), i);
  for (int i = 0; i < 100; ++i) queue.put(i);
  EXPECT_EQ(queue.get_many(kAll), numbers(100));
}

class QueueBatchProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueBatchProcess, support::kStartMethods,
                         support::start_method_name);

constexpr int kItems = 30'000;

void put_in_batches(Queue<int> queue, int first) {
  int next = 0;
  for (int size = 1; next < kItems; size = size * 3 % 1000 + 1) {
    size = std::min(size, kItems - next);
    queue.put_many(numbers(size, first + next));
    next += size;
  }
}

TEST_P(QueueBatchProcess, keeps_each_producers_order_and_loses_nothing) {
  for (const int maxsize : {0, 7}) {
    Queue<int> queue(maxsize);
    Process one = started(put_in_batches, queue, 0);
    Process other = started(put_in_batches, queue, kItems);
    std::vector<int> next{0, kItems};
    for (int count = 0; count < 2 * kItems;) {
      const auto some = queue.get_many_for(500, kDeadline);
      ASSERT_FALSE(some.empty());
      for (const int number : some) EXPECT_EQ(number, next.at(number < kItems ? 0 : 1)++);
      count += static_cast<int>(some.size());
    }
    ends_with(one, 0);
    ends_with(other, 0);
    EXPECT_TRUE(queue.empty());
  }
}

void echo_in_batches(Queue<std::string> from, Queue<std::string> to) {
  for (;;) {
    const auto items = from.get_many(100);
    to.put_many(items);
    if (items.back() == "end") return;
  }
}

TEST_P(QueueBatchProcess, carries_items_of_all_sizes_there_and_back) {
  Queue<std::string> there(5);
  Queue<std::string> back;
  Process process = started(echo_in_batches, there, back);
  std::vector<std::string> items = strings_of({0, 1, 70'000, 255, 256, 3'000'000, 65'536, 8});
  items.emplace_back("end");
  there.put_many(items);
  std::vector<std::string> got;
  while (got.size() < items.size()) {
    const auto some = back.get_many_for(kAll, kDeadline);
    ASSERT_FALSE(some.empty());
    got.insert(got.end(), some.begin(), some.end());
  }
  EXPECT_EQ(got, items);
  ends_with(process, 0);
}

using MaybeQueue = std::optional<Queue<int>>;

// The index of each that has a handle goes through that.
void answer_through_handles(Queue<MaybeQueue> queue, int count) {
  for (int index = 0; index < count;) {
    for (auto& item : queue.get_many(10)) {
      if (item) item->put(index);
      ++index;
    }
  }
}

TEST_P(QueueBatchProcess, carries_handles_among_other_items) {
  Queue<MaybeQueue> queue;
  Queue<int> answers;
  Process process = started(answer_through_handles, queue, 7);
  queue.put_many(std::vector<MaybeQueue>{answers, std::nullopt, answers, answers, std::nullopt,
                                         std::nullopt, answers});
  for (const int index : {0, 2, 3, 6}) EXPECT_EQ(answers.get_for(kDeadline), index);
  ends_with(process, 0);
}

void lock_all(const Board& board, Queue<Lock> locks) {
  for (Lock& lock : locks.get_many(3)) lock.lock();
  board.note("locked");
  ::pause();
}

TEST_P(QueueBatchProcess, carries_nothing_but_handles) {
  const Board board = Board::make();
  Queue<Lock> queue;
  std::vector<Lock> locks(3);
  queue.put_many(locks);
  Process process = started(lock_all, board, queue);
  EXPECT_TRUE(board.waits_for("locked"));
  for (Lock& lock : locks) EXPECT_FALSE(lock.try_lock());
  die_by_kill(process);
}

void put_batches_for_ever(Queue<int> queue) {
  for (int first = 0;; first += 700) queue.put_many(numbers(700, first));
}

TEST_P(QueueBatchProcess, leaves_what_a_killed_producer_had_put) {
  Queue<int> queue(5000);
  Process process = started(put_batches_for_ever, queue);
  int next = 0;
  const auto take = [&](const std::vector<int>& some) {
    for (const int number : some) EXPECT_EQ(number, next++);
  };
  while (next < 20'000) take(queue.get_many_for(333, kDeadline));
  die_by_kill(process);
  const std::size_t left = queue.qsize();
  const auto rest = queue.try_get_many(kAll);
  EXPECT_EQ(rest.size(), left);
  take(rest);
  queue.put(-1);
  EXPECT_EQ(queue.try_get(), -1);
}

void take_a_batch(const Board& board, Queue<int> queue) {
  board.note("took", std::to_string(queue.get_many(10).size()));
  ::pause();
}

TEST_P(QueueBatchProcess, takes_with_it_no_more_than_was_in_hand) {
  const Board board = Board::make();
  Queue<int> queue;
  Process process = started(take_a_batch, board, queue);
  queue.put_many(numbers(50));
  const int took = std::stoi("0" + board.read("took"));
  EXPECT_TRUE(took >= 1 && took <= 10) << took;
  die_by_kill(process);
  EXPECT_EQ(queue.get_many(kAll), numbers(50 - took, took));
}

void put_beyond_the_limit(const Board& board, Queue<int> queue) {
  const std::size_t count = queue.put_many_for(numbers(20), kDeadline);
  board.note("put", std::to_string(count));
}

TEST_P(QueueBatchProcess, waits_for_room_for_the_rest) {
  const Board board = Board::make();
  Queue<int> queue(3);
  Process process = started(put_beyond_the_limit, board, queue);
  std::vector<int> got;
  while (got.size() < 20) {
    const auto some = queue.get_many_for(20, kDeadline);
    ASSERT_FALSE(some.empty());
    got.insert(got.end(), some.begin(), some.end());
  }
  EXPECT_EQ(got, numbers(20));
  EXPECT_EQ(board.read("put"), "20");
  ends_with(process, 0);
}

}  // namespace
