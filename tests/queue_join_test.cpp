// JoinableQueue: what is taken is to be done, and can be waited for, whoever dies.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <thread>

#include "support/children.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using shoal::ConsumerDied;
using shoal::JoinableQueue;
using shoal::Queue;
using shoal::SimpleQueue;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::started;

using namespace std::chrono_literals;

TEST(JoinableQueueTest, is_done_when_each_item_that_was_put_is_done) {
  JoinableQueue<int> queue;
  EXPECT_TRUE(queue.join_for(0s));
  queue.put(1);
  queue.put(2);
  EXPECT_FALSE(queue.join_for(0s));
  EXPECT_EQ(queue.get(), 1);
  queue.task_done();
  EXPECT_FALSE(queue.join_for(0s));
  EXPECT_EQ(queue.get(), 2);
  EXPECT_FALSE(queue.join_for(1ms));
  queue.task_done();
  queue.join();
}

TEST(JoinableQueueTest, refuses_to_end_more_than_was_put) {
  JoinableQueue<int> queue;
  EXPECT_THROW(queue.task_done(), shoal::NotHeldError);
  queue.put(1);
  queue.task_done();  // nobody asks who took it
  EXPECT_THROW(queue.task_done(), shoal::NotHeldError);
}

TEST(JoinableQueueTest, is_no_queue_that_was_made_otherwise) {
  const std::string name = "join-test-" + std::to_string(::getpid());
  const Queue<int> plain({.name = name});
  EXPECT_THROW(JoinableQueue<int>::open(name), shoal::WrongKind);
  Queue<int>::unlink(name);
  JoinableQueue<int> joinable({.name = name});
  auto same = JoinableQueue<int>::open(name);
  auto as_queue = Queue<int>::open(name);
  as_queue.put(5);
  EXPECT_FALSE(same.join_for(0s));
  EXPECT_EQ(as_queue.get(), 5);
  same.task_done();
  joinable.join();
  Queue<int>::unlink(name);
}

class JoinableQueueProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, JoinableQueueProcessTest, support::kStartMethods,
                         support::start_method_name);

void do_all(JoinableQueue<int> work, SimpleQueue<int> results) {
  for (int item = work.get(); item >= 0; item = work.get()) {
    results.put(2 * item);
    work.task_done();
  }
  work.task_done();
}

TEST_P(JoinableQueueProcessTest, waits_for_what_a_child_does) {
  JoinableQueue<int> work(10);
  SimpleQueue<int> results;
  auto child = started(do_all, work, results);
  for (int i = 0; i < 1000; ++i) work.put(i);
  work.put(-1);
  work.join();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(results.try_get(), 2 * i);
  ends_with(child, 0);
}

void take_and_stay(JoinableQueue<int> work, int items, Queue<int> ready) {
  for (int i = 0; i < items; ++i) static_cast<void>(work.get());
  ready.put(1);
  for (;;) ::pause();
}

TEST_P(JoinableQueueProcessTest, names_who_died_with_items_in_hand) {
  JoinableQueue<int> work;
  Queue<int> ready;
  for (int i = 0; i < 5; ++i) work.put(i);
  auto child = started(take_and_stay, work, 3, ready);
  ASSERT_TRUE(ready.get_for(kDeadline));
  EXPECT_FALSE(work.join_for(1ms));
  support::die_by_kill(child);
  try {
    work.join();
    FAIL() << "join() returned";
  } catch (const ConsumerDied& died) {
    EXPECT_EQ(died.pid(), child.pid());
    EXPECT_EQ(died.items(), 3U);
  }
  // Others do what it did not, and say so.
  for (int i = 0; i < 3; ++i) work.task_done();
  EXPECT_FALSE(work.join_for(0s));
  for (int i = 0; i < 2; ++i) {
    static_cast<void>(work.get());
    work.task_done();
  }
  work.join();
}

TEST_P(JoinableQueueProcessTest, tells_of_a_death_who_waits_already) {
  JoinableQueue<int> work;
  Queue<int> ready;
  work.put(1);
  auto child = started(take_and_stay, work, 1, ready);
  ASSERT_TRUE(ready.get_for(kDeadline));
  std::thread killer([&] {
    static_cast<void>(work.join_for(50ms));
    child.kill();
  });
  EXPECT_THROW(static_cast<void>(work.join_for(kDeadline)), ConsumerDied);
  killer.join();
  ends_with(child, -SIGKILL);
}

void send_back(Queue<JoinableQueue<int>> from) {
  auto work = from.get();
  static_cast<void>(work.get());
  work.task_done();
}

TEST_P(JoinableQueueProcessTest, travels_through_a_queue) {
  Queue<JoinableQueue<int>> queues;
  auto child = started(send_back, queues);
  JoinableQueue<int> work;
  work.put(1);
  queues.put(work);
  EXPECT_TRUE(work.join_for(kDeadline));
  ends_with(child, 0);
}

}  // namespace
