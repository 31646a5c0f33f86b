// Threads on one queue, and waits that are interrupted.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <optional>
#include <set>
#include <shoal/error.hpp>
#include <shoal/queue.hpp>
#include <shoal/wait.hpp>
#include <thread>
#include <tuple>
#include <vector>

#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Queue;
using support::happens;
using support::kDeadline;

TEST(QueueThreadsTest, lets_get_wait_for_put) {
  Queue<int> queue;
  std::optional<int> got;
  std::thread waiting([&] { got = queue.get_for(kDeadline); });
  queue.put(5);
  waiting.join();
  EXPECT_EQ(got, 5);
}

TEST(QueueThreadsTest, lets_put_wait_for_get) {
  Queue<int> queue(1);
  queue.put(1);
  std::thread waiting([&] { queue.put(2); });
  EXPECT_EQ(queue.get_for(kDeadline), 1);
  EXPECT_EQ(queue.get_for(kDeadline), 2);
  waiting.join();
}

TEST(QueueThreadsTest, delivers_each_item_of_many_threads_once_and_in_order) {
  constexpr int kThreads = 4;
  constexpr int kItems = 20'000;
  for (const int maxsize : {0, 3}) {
    Queue<std::tuple<int, int>> queue(maxsize);
    std::vector<std::vector<std::tuple<int, int>>> taken(kThreads);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&queue, thread] {
        for (int i = 0; i < kItems; ++i) queue.put({thread, i});
      });
      threads.emplace_back([&queue, &mine = taken[static_cast<std::size_t>(thread)]] {
        for (int i = 0; i < kItems; ++i) mine.push_back(queue.get());
      });
    }
    for (auto& thread : threads) thread.join();
    std::set<std::tuple<int, int>> all;
    for (const auto& mine : taken) {
      std::vector<int> last(kThreads, -1);
      for (const auto& [thread, i] : mine) {
        EXPECT_GT(i, last[static_cast<std::size_t>(thread)]);
        last[static_cast<std::size_t>(thread)] = i;
        all.insert({thread, i});
      }
    }
    EXPECT_EQ(all.size(), static_cast<std::size_t>(kThreads * kItems));
  }
}

std::atomic<bool> stop{false};

/// Sends a signal to a waiting thread until what it does is done, with a check that says "stop".
class InterruptedQueue : public testing::Test {
 protected:
  void SetUp() override {
    stop = false;
    struct sigaction action{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, &before_);
    shoal::set_interrupt_check([] { return stop.load(); });
  }
  void TearDown() override {
    shoal::set_interrupt_check(nullptr);
    ::sigaction(SIGUSR1, &before_, nullptr);
  }

  template <class Wait>
  static bool is_interrupted(Wait wait) {
    std::atomic<bool> interrupted{false};
    std::atomic<bool> done{false};
    std::thread thread([&] {
      try {
        wait();
      } catch (const shoal::Interrupted&) {
        interrupted = true;
      }
      done = true;
    });
    const bool ended = happens([&] {
      if (!done) ::pthread_kill(thread.native_handle(), SIGUSR1);
      return done.load();
    });
    EXPECT_TRUE(ended);
    thread.join();
    return interrupted;
  }

 private:
  struct sigaction before_{};
};

TEST_F(InterruptedQueue, ends_get_and_put_when_the_check_says_so) {
  Queue<int> queue(1);
  stop = true;
  EXPECT_TRUE(is_interrupted([&] { static_cast<void>(queue.get()); }));
  EXPECT_TRUE(is_interrupted([&] { static_cast<void>(queue.get_for(1h)); }));
  EXPECT_EQ(queue.qsize(), 0U);
  queue.put(1);
  EXPECT_TRUE(is_interrupted([&] { queue.put(2); }));
  EXPECT_EQ(queue.qsize(), 1U);
  EXPECT_EQ(queue.get(), 1);
}

TEST_F(InterruptedQueue, goes_on_waiting_when_the_check_says_no) {
  Queue<int> queue;
  EXPECT_FALSE(is_interrupted([&] { EXPECT_EQ(queue.get_for(50ms), std::nullopt); }));
}

}  // namespace
