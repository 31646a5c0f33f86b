// Several items at a time.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <numeric>
#include <ranges>
#include <set>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <shoal/object.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <vector>

#include "support/children.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using shoal::Lock;
using shoal::Queue;
using support::ends_with;
using support::kDeadline;
using support::started;

using namespace std::chrono_literals;

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(QueueBatchTest, keeps_the_order_whatever_the_sizes) {
  for (const int count : {0, 1, 2, 255, 256, 257, 5000}) {
    Queue<int> queue;
    queue.put_many(numbers(count));
    EXPECT_EQ(queue.qsize(), static_cast<std::size_t>(count));
    EXPECT_EQ(queue.try_get_many(10'000), numbers(count));
    EXPECT_TRUE(queue.empty());
  }
}

TEST(QueueBatchTest, takes_any_range) {
  Queue<long> queue;
  const std::set<long> some{3, 1, 2};
  queue.put_many(some);
  queue.put_many(std::views::iota(4L, 7L));
  EXPECT_EQ(queue.get_many(100), (std::vector<long>{1, 2, 3, 4, 5, 6}));
}

TEST(QueueBatchTest, takes_no_more_than_was_asked_for) {
  Queue<int> queue;
  queue.put_many(numbers(10));
  EXPECT_EQ(queue.get_many(4), numbers(4));
  EXPECT_EQ(queue.get(), 4);
  EXPECT_EQ(queue.get_many(100).size(), 5U);
  EXPECT_TRUE(queue.try_get_many(1).empty());
  EXPECT_TRUE(queue.get_many_for(1, 1ms).empty());
}

TEST(QueueBatchTest, carries_items_of_any_size) {
  Queue<std::string> queue;
  const std::vector<std::string> items{"",
                                       std::string(70'000, 'a'),
                                       "b",
                                       std::string(255, 'c'),
                                       std::string(3'000'000, 'd'),
                                       std::string(256, 'e')};
  queue.put_many(items);
  EXPECT_EQ(queue.get_many(100), items);
}

TEST(QueueBatchTest, stops_where_the_queue_is_full) {
  Queue<int> queue(7);
  EXPECT_EQ(queue.put_many_for(numbers(10), 1ms), 7U);
  EXPECT_EQ(queue.put_many_for(numbers(10), 0ms), 0U);
  EXPECT_EQ(queue.get_many(100), numbers(7));
}

TEST(QueueBatchTest, carries_handles_among_other_items) {
  Queue<std::vector<Lock>> queue;
  Lock lock;
  const std::vector<std::vector<Lock>> items{{}, {lock}, {}, {}, {lock, Lock()}, {}};
  queue.put_many(items);
  const auto came = queue.get_many(100);
  ASSERT_EQ(came.size(), items.size());
  for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(came[i].size(), items[i].size());
  lock.acquire();
  EXPECT_TRUE(came[4][0].locked());
  lock.release();
}

TEST(QueueBatchTest, reuses_the_memory_of_the_item_that_it_is_given) {
  Queue<std::string> queue;
  std::string item;
  for (const std::size_t size : {0U, 10U, 255U, 256U, 5000U, 100'000U, 3U, 4000U, 4096U, 5000U}) {
    const std::string sent(size, static_cast<char>('a' + size % 26));
    queue.put(sent);
    queue.get_into(item);
    ASSERT_EQ(item, sent);
  }
  EXPECT_FALSE(queue.try_get_into(item));
  EXPECT_THROW(queue.put("\xff"), shoal::PickleError);
  EXPECT_THROW(queue.put(std::string(10'000, '\xff')), shoal::PickleError);
}

TEST(QueueBatchTest, gives_an_item_of_another_kind_as_its_codec_does) {
  Queue<shoal::Object> objects;
  Queue<shoal::Bytes> bytes(objects.core());
  Queue<std::string> strings(objects.core());
  strings.put(std::string(100'000, 'x'));
  EXPECT_THROW(static_cast<void>(bytes.get()), shoal::PickleError);
  bytes.put(shoal::Bytes(100'000));
  EXPECT_EQ(objects.get(), shoal::Object(shoal::Bytes(100'000)));
}

class QueueBatchProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueBatchProcessTest, support::kStartMethods,
                         support::start_method_name);

void put_in_batches(Queue<int> queue, int count) {
  const auto all = numbers(count);
  for (int at = 0; at < count; at += 97) {
    queue.put_many(std::vector<int>(all.begin() + at, all.begin() + std::min(count, at + 97)));
  }
}

TEST_P(QueueBatchProcessTest, goes_from_process_to_process_in_order) {
  Queue<int> queue(50);
  auto child = started(put_in_batches, queue, 10'000);
  std::vector<int> came;
  while (came.size() < 10'000) {
    const auto some = queue.get_many_for(33, kDeadline);
    ASSERT_FALSE(some.empty());
    came.insert(came.end(), some.begin(), some.end());
  }
  EXPECT_EQ(came, numbers(10'000));
  ends_with(child, 0);
}

TEST_P(QueueBatchProcessTest, is_cut_by_a_death_and_nothing_else) {
  Queue<int> queue;
  auto child = started(put_in_batches, queue, 100'000'000);
  std::vector<int> came = queue.get_many(1000);
  support::die_by_kill(child);
  for (auto some = queue.try_get_many(1000); !some.empty(); some = queue.try_get_many(1000)) {
    came.insert(came.end(), some.begin(), some.end());
  }
  EXPECT_EQ(came, numbers(static_cast<int>(came.size())));
  queue.put(-1);
  EXPECT_EQ(queue.get(), -1);
}

}  // namespace
