// shutdown(): nobody needs to be told by an item that there are no more.
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <vector>

#include "support/children.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using shoal::JoinableQueue;
using shoal::Queue;
using shoal::ShutDown;
using support::ends_with;
using support::kDeadline;
using support::started;

using namespace std::chrono_literals;

TEST(QueueShutdownTest, lets_what_is_in_it_be_taken) {
  Queue<int> queue;
  queue.put(1);
  queue.put(2);
  queue.shutdown();
  EXPECT_THROW(queue.put(3), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.try_put(3)), ShutDown);
  EXPECT_EQ(queue.get(), 1);
  EXPECT_EQ(queue.try_get_many(5), std::vector<int>{2});
  EXPECT_THROW(static_cast<void>(queue.get()), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.try_get()), ShutDown);
  EXPECT_THROW(static_cast<void>(queue.get_many(5)), ShutDown);
  queue.shutdown();  // again does no harm
}

TEST(QueueShutdownTest, drops_what_is_in_it_at_once_when_asked_to) {
  JoinableQueue<int> queue;
  for (int i = 0; i < 10'000; ++i) queue.put(i);
  EXPECT_EQ(queue.get(), 0);
  queue.shutdown(true);
  EXPECT_EQ(queue.qsize(), 0U);
  EXPECT_THROW(static_cast<void>(queue.get()), ShutDown);
  EXPECT_FALSE(queue.join_for(0s));  // what is in hand is still to be done
  queue.task_done();
  queue.join();
}

class QueueShutdownProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueShutdownProcessTest, support::kStartMethods,
                         support::start_method_name);

void get_until_shut(Queue<int> queue, Queue<int> sums) {
  int sum = 0;
  try {
    for (;;) {
      sum += queue.get();
      sums.put(-1);
    }
  } catch (const ShutDown&) {
    sums.put(sum);
  }
}
void put_until_shut(Queue<int> queue, Queue<int> told) {
  try {
    for (;;) queue.put(1);
  } catch (const ShutDown&) {
    told.put(1);
  }
}

TEST_P(QueueShutdownProcessTest, wakes_who_waits_for_items_and_who_waits_for_room) {
  Queue<int> empty;
  Queue<int> sums;
  auto getter = started(get_until_shut, empty, sums);
  auto another = started(get_until_shut, empty, sums);
  empty.put(7);
  EXPECT_EQ(sums.get_for(kDeadline), -1);  // and now both wait
  Queue<int> full(3);
  Queue<int> told;
  auto putter = started(put_until_shut, full, told);
  ASSERT_TRUE(support::happens([&] { return full.full(); }));
  empty.shutdown();
  full.shutdown(true);
  EXPECT_EQ(*sums.get_for(kDeadline) + *sums.get_for(kDeadline), 7);
  EXPECT_EQ(told.get_for(kDeadline), 1);
  ends_with(getter, 0);
  ends_with(another, 0);
  ends_with(putter, 0);
}

bool readable(int fd, std::chrono::milliseconds timeout = 0ms) {
  pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, static_cast<int>(timeout.count())) == 1;
}

TEST(QueueReadableTest, is_so_exactly_while_something_can_be_taken) {
  Queue<int> queue;
  const int fd = queue.fileno();
  EXPECT_FALSE(readable(fd));
  for (int round = 0; round < 3; ++round) {
    queue.put(1);
    queue.put(2);
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(queue.get(), 1);
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(queue.get(), 2);
    EXPECT_FALSE(readable(fd));
  }
  queue.put(1);
  EXPECT_EQ(queue.get_many(5), std::vector<int>{1});
  EXPECT_FALSE(readable(fd));
  queue.shutdown();
  EXPECT_TRUE(readable(fd));
}

TEST(QueueReadableTest, is_so_at_once_where_items_were_there_before) {
  Queue<int> queue;
  queue.put(1);
  const int fd = queue.fileno();
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(queue.get(), 1);
  EXPECT_FALSE(readable(fd));
}

TEST(QueueReadableTest, is_refused_where_the_queue_has_a_name) {
  const std::string name = "readable-test-" + std::to_string(::getpid());
  const Queue<int> queue({.name = name});
  EXPECT_THROW(static_cast<void>(queue.fileno()), std::invalid_argument);
  Queue<int>::unlink(name);
}

void put_some(Queue<int> queue, int items) {
  for (int i = 0; i < items; ++i) queue.put(i);
}

TEST_P(QueueShutdownProcessTest, is_told_through_a_descriptor_and_loses_no_item) {
  Queue<int> queue(5);
  const int fd = queue.fileno();
  auto child = started(put_some, queue, 2000);
  for (int next = 0; next < 2000;) {
    ASSERT_TRUE(readable(fd, kDeadline));
    while (const auto item = queue.try_get()) ASSERT_EQ(*item, next++);
  }
  ends_with(child, 0);
  EXPECT_FALSE(readable(fd));
}

TEST_P(QueueShutdownProcessTest, is_told_though_the_producer_is_killed) {
  Queue<int> queue(5);
  const int fd = queue.fileno();
  for (int round = 0; round < 10; ++round) {
    auto child = started(put_some, queue, 1'000'000);
    for (int i = 0; i < 50 + round; ++i) static_cast<void>(queue.get());
    support::die_by_kill(child);
    while (queue.qsize() != 0) {
      ASSERT_TRUE(readable(fd));
      static_cast<void>(queue.try_get());
    }
    static_cast<void>(queue.try_get());
    ASSERT_FALSE(readable(fd));
  }
}

TEST(QueueReadableTest, can_be_waited_for_without_taking) {
  Queue<int> queue;
  EXPECT_FALSE(queue.wait_readable_for(1ms));
  queue.put(1);
  EXPECT_TRUE(queue.wait_readable_for(0ms));
  queue.wait_readable();
  EXPECT_EQ(queue.qsize(), 1U);
}

}  // namespace
