// Bytes: the limit of them, and memory that is given back.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::JoinableQueue;
using shoal::Process;
using shoal::Queue;
using shoal::QueueOptions;
using support::die_by_kill;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::started;

constexpr std::size_t kNumber = 8;  // bytes of an int on its way

Queue<int> of_numbers(std::size_t count) {
  return Queue<int>(QueueOptions{.max_bytes = count * kNumber});
}

TEST(QueueBytes, are_limited) {
  auto queue = of_numbers(3);
  EXPECT_EQ(queue.max_bytes(), 24U);
  for (int round = 0; round < 10'000; ++round) {
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.try_put(i));
    EXPECT_TRUE(queue.full());
    ASSERT_FALSE(queue.try_put(3));
    EXPECT_EQ(queue.get(), 0);
    EXPECT_FALSE(queue.full());
    EXPECT_TRUE(queue.try_put(3));
    EXPECT_FALSE(queue.put_for(4, 1us));
    EXPECT_EQ(queue.get_many(10), (std::vector{1, 2, 3}));
  }
}

TEST(QueueBytes, are_limited_in_batches_too) {
  auto queue = of_numbers(10);
  const std::vector<int> numbers(15, 7);
  EXPECT_EQ(queue.put_many_for(numbers, 1ms), 10U);
  EXPECT_EQ(queue.get_many(4).size(), 4U);
  EXPECT_EQ(queue.put_many_for(numbers, 0s), 4U);
  EXPECT_EQ(queue.qsize(), 10U);
}

TEST(QueueBytes, and_items_are_limited_both) {
  Queue<int> queue(QueueOptions{.maxsize = 2, .max_bytes = 24});
  queue.put_many(std::vector{1, 2});
  EXPECT_TRUE(queue.full());
  EXPECT_FALSE(queue.try_put(3));
  JoinableQueue<int> jobs(QueueOptions{.max_bytes = 8});
  jobs.put(1);
  EXPECT_FALSE(jobs.try_put(2));
}

TEST(QueueBytes, an_item_of_more_than_that_is_refused) {
  Queue<std::string> queue(QueueOptions{.max_bytes = 1000});
  EXPECT_THROW(queue.put(std::string(1001, 'x')), std::invalid_argument);
  EXPECT_THROW(queue.put_many(std::vector{std::string("fits"), std::string(2000, 'x')}),
               std::invalid_argument);
  EXPECT_EQ(queue.get(), "fits");
  const std::string most(900, 'x');
  for (int i = 0; i < 500; ++i) {  // wherever the ring stands
    ASSERT_TRUE(queue.try_put(most));
    ASSERT_EQ(queue.get(), most);
  }
}

TEST(QueueBytes, shutdown_frees_who_waits_for_room) {
  auto queue = of_numbers(1);
  queue.put(1);
  queue.shutdown(true);
  EXPECT_THROW(queue.put(2), shoal::ShutDown);
}

class QueueBytesProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueBytesProcess, support::kStartMethods,
                         support::start_method_name);

void put_some(Queue<std::string> queue, std::size_t size, int count) {
  for (int i = 0; i < count; ++i) queue.put(std::string(size, static_cast<char>('a' + i % 26)));
}

// The large ones and the small ones wait for different room.
TEST_P(QueueBytesProcess, let_all_go_on_who_wait_for_room) {
  Queue<std::string> queue(QueueOptions{.max_bytes = 10'000});
  Process large = started(put_some, queue, std::size_t{9000}, 60);
  Process small = started(put_some, queue, std::size_t{10}, 3000);
  Process middle = started(put_some, queue, std::size_t{2000}, 300);
  std::size_t bytes = 0;
  for (int i = 0; i < 3360; ++i) {
    const auto item = queue.get_for(kDeadline);
    ASSERT_TRUE(item) << i;
    bytes += item->size();
  }
  EXPECT_EQ(bytes, 60U * 9000 + 3000U * 10 + 300U * 2000);
  for (Process* each : {&large, &small, &middle}) ends_with(*each, 0);
}

void put_for_ever(Queue<std::string> queue) {
  for (;;) put_some(queue, 700, 26);
}

TEST_P(QueueBytesProcess, are_counted_right_after_a_death) {
  Queue<std::string> queue(QueueOptions{.max_bytes = 100'000});
  for (int death = 0; death < 5; ++death) {
    Process victim = started(put_for_ever, queue);
    for (int i = 0; i < 500; ++i) ASSERT_TRUE(queue.get_for(kDeadline));
    die_by_kill(victim);
  }
  while (queue.try_get()) continue;
  std::size_t fits = 0;
  while (queue.try_put(std::string(995, 'x'))) ++fits;  // and 5 that make it a pickle, or more
  EXPECT_TRUE(fits == 99 || fits == 100) << fits;
}

// ---------------------------------------------------------------- memory

std::size_t bytes_of(const shoal::QueueBase& queue) {
  struct stat facts{};
  EXPECT_EQ(::fstat(queue.descriptor(), &facts), 0);
  return static_cast<std::size_t>(facts.st_blocks) * 512;
}

constexpr std::size_t kLittle = 5U << 20U;  // what is kept in any case, as fresh memory is slow

TEST(QueueMemory, comes_back_when_it_is_drained) {
  Queue<std::string> queue;
  const std::string item(100'000, 'x');
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 500; ++i) queue.put(item);
    EXPECT_GT(bytes_of(queue), 500 * item.size());
    for (int i = 0; i < 500; ++i) ASSERT_EQ(queue.get(), item);
    EXPECT_TRUE(happens([&] { return !queue.try_get() && bytes_of(queue) < kLittle; }));
  }
}

TEST(QueueMemory, of_one_huge_item_comes_back_to_who_waits_for_the_next) {
  Queue<std::string> queue;
  queue.put(std::string(80'000'000, 'x'));
  EXPECT_EQ(queue.get().size(), 80'000'000U);
  EXPECT_FALSE(queue.get_for(1500ms));
  EXPECT_LT(bytes_of(queue), kLittle);
  queue.put("goes on");
  EXPECT_EQ(queue.get(), "goes on");
}

void take_and_leave(Queue<std::string> queue, int count) {
  for (int i = 0; i < count; ++i) static_cast<void>(queue.get());
}

TEST_P(QueueBytesProcess, come_back_while_others_use_it) {
  Queue<std::string> queue;
  Process taker = started(take_and_leave, queue, 260);
  put_some(queue, 1'000'000, 130);
  EXPECT_TRUE(happens([&] { return queue.empty(); }));
  EXPECT_TRUE(happens([&] { return bytes_of(queue) < kLittle; })) << "by the one that waits";
  put_some(queue, 1'000'000, 130);
  ends_with(taker, 0);
  EXPECT_TRUE(queue.empty());
}

TEST(QueueMemory, is_kept_while_it_is_in_use) {
  Queue<std::string> queue;
  const std::string item(1'000'000, 'x');
  for (int i = 0; i < 20; ++i) queue.put(item);
  while (queue.try_get()) continue;
  EXPECT_GT(bytes_of(queue), 8U << 20U) << "a moment ago it was full";
}

}  // namespace
