// The contract of events inside one process.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <shoal/error.hpp>
#include <shoal/event.hpp>
#include <shoal/wait.hpp>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/process_facts.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Event;
using support::happens;
using support::kDeadline;

TEST(EventTest, is_set_and_cleared) {
  Event event;
  EXPECT_FALSE(event.is_set());
  event.set();
  event.set();
  EXPECT_TRUE(event.is_set());
  event.clear();
  event.clear();
  EXPECT_FALSE(event.is_set());
  EXPECT_EQ(event.name(), "");
}

TEST(EventTest, that_is_set_is_not_waited_for) {
  Event event;
  event.set();
  event.wait();
  EXPECT_TRUE(event.wait_for(0s));
  EXPECT_TRUE(event.wait_for(-1s));
  EXPECT_TRUE(event.wait(std::stop_token()));
  EXPECT_TRUE(event.wait_until(std::chrono::system_clock::now()));
  EXPECT_TRUE(event.is_set()) << "it stays set";
}

TEST(EventTest, is_waited_for_no_longer_than_the_timeout) {
  Event event;
  EXPECT_FALSE(event.wait_for(2ms));
  EXPECT_FALSE(event.wait_for(0s));
  EXPECT_FALSE(event.wait_for(-1s));
  EXPECT_FALSE(event.wait_until(std::chrono::steady_clock::now() + 2ms));
}

TEST(EventTest, is_one_in_all_its_handles) {
  Event event;
  const Event copy = event;
  EXPECT_TRUE(copy == event);
  EXPECT_FALSE(copy == Event());
  event.set();
  EXPECT_TRUE(copy.is_set());
}

TEST(EventTest, wakes_all_who_wait) {
  Event event;
  std::atomic<int> woken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] { woken += event.wait_for(kDeadline) ? 1 : 0; });
  }
  EXPECT_TRUE(happens([&] { return event.waiters().size() == 6; })) << "six are known by name";
  event.set();
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(woken, 100);
}

TEST(EventTest, wakes_all_who_wait_although_it_is_cleared_at_once) {
  Event event;
  for (int round = 0; round < 20; ++round) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 5; ++i) {
      threads.emplace_back([&] { EXPECT_TRUE(event.wait_for(kDeadline)); });
    }
    EXPECT_TRUE(happens([&] { return event.waiters().size() == 5; }));
    event.set();
    event.clear();
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(event.is_set());
  }
}

TEST(EventTest, carries_a_ball_back_and_forth) {
  Event ping;
  Event pong;
  constexpr int kRounds = 2000;
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      ASSERT_TRUE(ping.wait_for(kDeadline));
      ping.clear();
      pong.set();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    ping.set();
    EXPECT_TRUE(pong.wait_for(kDeadline));
    pong.clear();
  }
  other.join();
}

TEST(EventTest, ends_a_wait_when_a_stop_is_asked_for) {
  Event event;
  std::stop_source stop;
  std::thread stopped([&] { EXPECT_FALSE(event.wait(stop.get_token())); });
  std::thread other([&] { EXPECT_TRUE(event.wait_for(kDeadline)); });
  EXPECT_TRUE(happens([&] { return event.waiters().size() == 2; }));
  stop.request_stop();
  stopped.join();
  EXPECT_FALSE(event.wait(stop.get_token())) << "asked for before";
  event.set();
  other.join();
  EXPECT_TRUE(event.wait(stop.get_token())) << "no wait was needed";
}

TEST(EventTest, says_who_waits) {
  Event event;
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> thread{0};
  std::thread waiting([&] {
    thread = ::gettid();
    EXPECT_TRUE(event.wait_for(kDeadline));
  });
  EXPECT_TRUE(happens([&] { return event.waiters().size() == 1; }));
  const shoal::Waiters waiters = event.waiters();
  EXPECT_EQ(waiters.at(0).pid, ::getpid());
  EXPECT_EQ(waiters.at(0).thread, thread);
  EXPECT_GE(waiters.at(0).since, start - 20ms);
  event.set();
  waiting.join();
  EXPECT_TRUE(event.waiters().empty());
}

TEST(EventTest, costs_few_descriptors) {
  const auto before = support::open_descriptors();
  std::vector<Event> events(10'000);
  EXPECT_LT(support::open_descriptors().size() - before.size(), 200U);
  for (auto& event : events) {
    EXPECT_FALSE(event.is_set());
    event.set();
  }
}

// ---------------------------------------------------------------- signal handlers

Event* set_by_signal = nullptr;

/// While it lives, SIGUSR1 sets an event.
class SetOnSignal {
 public:
  explicit SetOnSignal(Event& event) {
    set_by_signal = &event;
    struct sigaction action{};
    action.sa_handler = [](int) { set_by_signal->set(); };
    ::sigaction(SIGUSR1, &action, &before_);
  }
  ~SetOnSignal() { ::sigaction(SIGUSR1, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

TEST(EventTest, is_set_in_a_signal_handler_that_leaves_errno_alone) {
  Event event;
  const SetOnSignal handler(event);
  std::thread waiting([&] { EXPECT_TRUE(event.wait_for(kDeadline)); });
  EXPECT_TRUE(happens([&] { return event.waiters().size() == 1; }));
  errno = ENOTTY;
  ::raise(SIGUSR1);
  EXPECT_EQ(errno, ENOTTY);
  waiting.join();
}

TEST(EventTest, is_set_in_a_signal_handler_of_the_thread_that_waits) {
  Event event;
  const SetOnSignal handler(event);
  for (int round = 0; round < 50; ++round) {
    std::thread waiting([&] { EXPECT_TRUE(event.wait_for(kDeadline)); });
    EXPECT_TRUE(happens([&] { return event.waiters().size() == 1; }));
    ::pthread_kill(waiting.native_handle(), SIGUSR1);
    waiting.join();
    event.clear();
  }
}

TEST(EventTest, is_not_harmed_by_a_wait_that_was_interrupted) {
  Event event;
  shoal::set_interrupt_check([] { return true; });
  std::atomic<bool> interrupted{false};
  const SetOnSignal restores_the_handler(event);
  struct sigaction action{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, nullptr);
  std::thread waiting([&] {
    EXPECT_THROW(event.wait(), shoal::Interrupted);
    interrupted = true;
  });
  EXPECT_TRUE(happens([&] {
    if (!interrupted) ::pthread_kill(waiting.native_handle(), SIGUSR1);
    return interrupted.load();
  }));
  waiting.join();
  shoal::set_interrupt_check(nullptr);
  EXPECT_FALSE(event.is_set());
  EXPECT_TRUE(event.waiters().empty());
}

}  // namespace
