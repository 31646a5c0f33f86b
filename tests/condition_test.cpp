// The contract of conditions inside one process.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <deque>
#include <mutex>
#include <shoal/condition.hpp>
#include <shoal/error.hpp>
#include <shoal/wait.hpp>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Condition;
using shoal::Lock;
using shoal::RLock;
using support::happens;
using support::kDeadline;

/// Threads that wait to be notified once.
class ConditionTest : public testing::Test {
 protected:
  /// Returns when it waits, behind all that wait already.
  void start_waiter() {
    const std::size_t before = condition_.waiting();
    threads_.emplace_back([this, number = threads_.size()] {
      const std::scoped_lock guard(condition_);
      EXPECT_TRUE(condition_.wait_for(kDeadline));
      order_.push_back(number);
      ++woken_;
    });
    ASSERT_TRUE(happens([&] { return condition_.waiting() == before + 1; }));
  }
  void start_waiters(int count) {
    for (int i = 0; i < count; ++i) start_waiter();
  }
  void join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
  }
  void notify(std::size_t count) {
    const std::scoped_lock guard(condition_);
    condition_.notify(count);
  }

  Condition condition_;
  std::vector<std::thread> threads_;
  std::vector<std::size_t> order_;  // under the condition's lock
  std::atomic<int> woken_{0};
};

TEST_F(ConditionTest, is_used_only_with_its_lock_held) {
  EXPECT_THROW(condition_.wait(), shoal::NotOwnerError);
  EXPECT_THROW(condition_.wait_for(1ms), shoal::NotOwnerError);
  EXPECT_THROW(condition_.notify(), shoal::NotOwnerError);
  EXPECT_THROW(condition_.notify_all(), shoal::NotOwnerError);
  EXPECT_THROW(condition_.release(), shoal::NotOwnerError);
  const std::scoped_lock guard(condition_);
  std::thread([&] { EXPECT_THROW(condition_.notify(), shoal::NotOwnerError); }).join();
  EXPECT_NO_THROW(condition_.notify());
  EXPECT_EQ(condition_.waiting(), 0U);
}

TEST_F(ConditionTest, with_a_lock_is_used_only_by_the_thread_that_took_it) {
  Lock lock;
  Condition condition(lock);
  EXPECT_THROW(condition.notify(), shoal::NotOwnerError);
  const std::scoped_lock guard(lock);
  EXPECT_NO_THROW(condition.notify());
  std::thread([&] {
    EXPECT_THROW(condition.notify(), shoal::NotOwnerError);
    EXPECT_THROW(condition.wait(), shoal::NotOwnerError);
  }).join();
  EXPECT_TRUE(lock.locked());
}

TEST_F(ConditionTest, wakes_exactly_one_of_several) {
  start_waiters(5);
  for (int expected = 1; expected <= 5; ++expected) {
    {
      const std::scoped_lock guard(condition_);
      condition_.notify();
      EXPECT_EQ(condition_.waiting(), 5U - static_cast<unsigned>(expected));
    }
    EXPECT_TRUE(happens([&] { return woken_ == expected; }));
    EXPECT_EQ(condition_.waiting(), 5U - static_cast<unsigned>(expected));
    EXPECT_EQ(woken_, expected);
  }
  join();
}

TEST_F(ConditionTest, wakes_the_oldest_first) {
  start_waiters(6);
  for (int i = 1; i <= 6; ++i) {
    notify(1);
    EXPECT_TRUE(happens([&] { return woken_ == i; }));
  }
  join();
  EXPECT_EQ(order_, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
}

TEST_F(ConditionTest, wakes_as_many_as_it_is_told_to) {
  start_waiters(6);
  notify(0);
  EXPECT_EQ(condition_.waiting(), 6U);
  notify(4);
  EXPECT_TRUE(happens([&] { return woken_ == 4; }));
  EXPECT_EQ(condition_.waiting(), 2U);
  notify(100);
  join();
  EXPECT_EQ(woken_, 6);
}

TEST_F(ConditionTest, wakes_all_who_wait) {
  start_waiters(40);
  {
    const std::scoped_lock guard(condition_);
    condition_.notify_all();
  }
  join();
  EXPECT_EQ(woken_, 40);
  EXPECT_EQ(condition_.waiting(), 0U);
}

TEST_F(ConditionTest, does_not_wake_who_comes_after_the_notification) {
  notify(3);
  start_waiter();
  {
    const std::scoped_lock guard(condition_);
    EXPECT_FALSE(condition_.wait_for(2ms));
  }
  EXPECT_EQ(condition_.waiting(), 1U);
  notify(1);
  join();
}

TEST_F(ConditionTest, is_waited_for_no_longer_than_the_timeout) {
  const std::scoped_lock guard(condition_);
  EXPECT_FALSE(condition_.wait_for(2ms));
  EXPECT_FALSE(condition_.wait_for(0s));
  EXPECT_FALSE(condition_.wait_for(-1s));
  std::thread([&] { EXPECT_FALSE(condition_.try_acquire()) << "held again"; }).join();
  EXPECT_EQ(condition_.waiting(), 0U);
}

TEST_F(ConditionTest, gives_up_its_lock_at_every_depth_and_takes_it_back) {
  RLock lock;
  Condition condition(lock);
  lock.lock();
  lock.lock();
  lock.lock();
  std::thread other([&] {
    const std::scoped_lock guard(lock);
    EXPECT_EQ(lock.depth(), 1U);
    condition.notify();
  });
  EXPECT_TRUE(condition.wait_for(kDeadline));
  EXPECT_EQ(lock.depth(), 3U);
  EXPECT_FALSE(condition.wait_for(1ms));
  EXPECT_EQ(lock.depth(), 3U);
  other.join();
}

TEST_F(ConditionTest, shares_the_lock_it_was_given) {
  Lock lock;
  Condition first(lock);
  Condition second(lock);
  EXPECT_FALSE(first == second);
  EXPECT_TRUE(Condition(first) == first);
  const std::scoped_lock guard(first);
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(second.try_acquire());
  EXPECT_FALSE(second.acquire_for(1ms));
}

TEST_F(ConditionTest, waits_for_a_predicate) {
  std::atomic<int> value{0};
  std::thread other([&] {
    for (int i = 1; i <= 3; ++i) {
      const std::scoped_lock guard(condition_);
      value = i;
      condition_.notify_all();
    }
  });
  {
    const std::scoped_lock guard(condition_);
    condition_.wait([&] { return value >= 3; });
    EXPECT_TRUE(condition_.wait_for(0s, [&] { return value >= 3; }));
    EXPECT_FALSE(condition_.wait_for(2ms, [&] { return value > 3; }));
  }
  other.join();
}

TEST_F(ConditionTest, ends_a_wait_when_a_stop_is_asked_for) {
  std::stop_source stop;
  start_waiter();
  std::thread stopped([&] {
    const std::scoped_lock guard(condition_);
    EXPECT_FALSE(condition_.wait(stop.get_token()));
    EXPECT_FALSE(condition_.wait(stop.get_token())) << "asked for before";
  });
  EXPECT_TRUE(happens([&] { return condition_.waiting() == 2; }));
  stop.request_stop();
  stopped.join();
  EXPECT_EQ(condition_.waiting(), 1U);
  notify(1);
  join();
}

TEST_F(ConditionTest, says_who_waits) {
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> thread{0};
  std::thread waiting([&] {
    thread = ::gettid();
    const std::scoped_lock guard(condition_);
    EXPECT_TRUE(condition_.wait_for(kDeadline));
  });
  EXPECT_TRUE(happens([&] { return condition_.waiting() == 1; }));
  const shoal::Waiters waiters = condition_.waiters();
  ASSERT_EQ(waiters.size(), 1U);
  EXPECT_EQ(waiters[0].pid, ::getpid());
  EXPECT_EQ(waiters[0].thread, thread);
  EXPECT_GE(waiters[0].since, start - 20ms);
  notify(1);
  waiting.join();
  EXPECT_TRUE(condition_.waiters().empty());
}

TEST_F(ConditionTest, holds_its_lock_after_a_wait_that_was_interrupted) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  shoal::set_interrupt_check([] { return true; });
  std::atomic<bool> interrupted{false};
  std::thread waiting([&] {
    const std::scoped_lock guard(condition_);
    EXPECT_THROW(condition_.wait(), shoal::Interrupted);
    EXPECT_NO_THROW(condition_.notify());
    interrupted = true;
  });
  EXPECT_TRUE(happens([&] {
    if (!interrupted) ::pthread_kill(waiting.native_handle(), SIGUSR1);
    return interrupted.load();
  }));
  waiting.join();
  shoal::set_interrupt_check(nullptr);
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(condition_.waiting(), 0U);
}

// ---------------------------------------------------------------- many at a time

// Each item is told of by one notification. Where one is lost, or goes to a consumer that has timed
// out and says so, an item stays.
TEST(ConditionStressTest, loses_no_notification_to_waits_that_time_out) {
  constexpr int kItems = 4000;
  Condition condition;
  int notified = 0;  // under the lock
  int waits = 0;
  std::vector<std::thread> consumers;
  for (int i = 0; i < 3; ++i) {
    consumers.emplace_back([&] {
      const std::scoped_lock guard(condition);
      while (notified < kItems) {
        ++waits;
        notified += condition.wait_for(100us) ? 1 : 0;
        --waits;
      }
      condition.notify_all();
    });
  }
  int sent = 0;
  EXPECT_TRUE(happens([&] {
    for (int i = 0; i < 200 && sent < kItems; ++i) {
      const std::scoped_lock guard(condition);
      if (condition.waiting() == 0) continue;
      condition.notify();
      ++sent;
    }
    const std::scoped_lock guard(condition);
    return notified >= kItems;
  })) << notified
      << " of " << sent;
  for (auto& consumer : consumers) consumer.join();
}

TEST(ConditionStressTest, carries_items_through_a_bounded_buffer) {
  constexpr int kItems = 5000;
  Lock lock;
  Condition not_empty(lock);
  Condition not_full(lock);
  std::deque<int> buffer;
  std::vector<int> seen(kItems);
  std::vector<std::thread> threads;
  for (int producer = 0; producer < 2; ++producer) {
    threads.emplace_back([&, producer] {
      for (int item = producer; item < kItems; item += 2) {
        const std::scoped_lock guard(lock);
        EXPECT_TRUE(not_full.wait_for(kDeadline, [&] { return buffer.size() < 3; }));
        buffer.push_back(item);
        not_empty.notify();
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < kItems / 2; ++i) {
        const std::scoped_lock guard(lock);
        EXPECT_TRUE(not_empty.wait_for(kDeadline, [&] { return !buffer.empty(); }));
        ++seen[static_cast<std::size_t>(buffer.front())];
        buffer.pop_front();
        not_full.notify();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(seen, std::vector<int>(kItems, 1));
}

}  // namespace
