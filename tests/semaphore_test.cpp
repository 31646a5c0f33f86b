// The contract of semaphores inside one process.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <shoal/error.hpp>
#include <shoal/semaphore.hpp>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/process_facts.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::BoundedSemaphore;
using shoal::Semaphore;
using support::happens;
using support::kDeadline;

constexpr std::ptrdiff_t kMost = 0x7fffffff;

TEST(SemaphoreTest, gives_as_many_permits_as_it_has) {
  Semaphore semaphore(2);
  EXPECT_EQ(semaphore.value(), 2);
  semaphore.acquire();
  EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_EQ(semaphore.value(), 0);
  EXPECT_FALSE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire_for(2ms));
  EXPECT_FALSE(semaphore.try_acquire_for(-1s));
  EXPECT_FALSE(semaphore.try_acquire_until(std::chrono::system_clock::now() + 2ms));
  semaphore.release();
  EXPECT_TRUE(semaphore.try_acquire_for(kDeadline));
  EXPECT_EQ(semaphore.name(), "");
}

TEST(SemaphoreTest, may_get_more_permits_than_it_began_with) {
  Semaphore semaphore(0);
  semaphore.release();
  semaphore.release(3);
  semaphore.release(0);
  EXPECT_EQ(semaphore.value(), 4);
}

TEST(SemaphoreTest, refuses_values_that_will_not_do) {
  EXPECT_THROW(Semaphore(-1), std::invalid_argument);
  EXPECT_THROW(BoundedSemaphore(-1), std::invalid_argument);
  EXPECT_THROW(Semaphore(kMost + 1), std::invalid_argument);
  EXPECT_EQ(Semaphore(kMost).value(), kMost);
  EXPECT_THROW(Semaphore({.value = 1025, .track_holders = true}), std::invalid_argument);
  EXPECT_EQ(Semaphore({.value = 1024, .track_holders = true}).value(), 1024);
}

TEST(SemaphoreTest, refuses_a_release_of_too_many_and_stays_as_it_was) {
  Semaphore semaphore(kMost - 1);
  EXPECT_THROW(semaphore.release(2), shoal::NotHeldError);
  EXPECT_THROW(semaphore.release(PTRDIFF_MAX), shoal::NotHeldError);
  EXPECT_THROW(semaphore.release(-1), std::invalid_argument);
  EXPECT_EQ(semaphore.value(), kMost - 1);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), kMost);
}

TEST(SemaphoreTest, that_is_bounded_has_never_more_than_it_began_with) {
  for (const bool tracked : {false, true}) {
    BoundedSemaphore semaphore({.value = 2, .track_holders = tracked});
    EXPECT_THROW(semaphore.release(), shoal::NotHeldError);
    semaphore.acquire();
    semaphore.release();
    EXPECT_THROW(semaphore.release(), shoal::NotHeldError);
    EXPECT_EQ(semaphore.value(), 2);
    semaphore.acquire();
    EXPECT_THROW(semaphore.release(2), shoal::NotHeldError);
    EXPECT_EQ(semaphore.value(), 1) << "state untouched";
  }
}

TEST(SemaphoreTest, that_is_not_bounded_is_not_taken_for_one) {
  EXPECT_THROW(BoundedSemaphore(Semaphore(1).core()), shoal::WrongKind);
  EXPECT_NO_THROW(BoundedSemaphore(BoundedSemaphore(1).core()));
}

TEST(SemaphoreTest, is_one_in_all_its_handles) {
  Semaphore semaphore(1);
  const Semaphore copy = semaphore;
  EXPECT_TRUE(copy == semaphore);
  EXPECT_FALSE(copy == Semaphore(1));
  semaphore.acquire();
  EXPECT_EQ(copy.value(), 0);
}

TEST(SemaphoreTest, wakes_as_many_as_there_are_new_permits) {
  for (const bool tracked : {false, true}) {
    Semaphore semaphore({.value = 0, .track_holders = tracked});
    std::atomic<int> acquired{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 5; ++i) {
      threads.emplace_back([&] {
        EXPECT_TRUE(semaphore.try_acquire_for(kDeadline));
        ++acquired;
      });
    }
    EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 5; }));
    semaphore.release(3);
    EXPECT_TRUE(happens([&] { return acquired == 3; }));
    EXPECT_EQ(semaphore.value(), 0);
    semaphore.release(2);
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(semaphore.value(), 0);
  }
}

TEST(SemaphoreTest, lets_no_more_in_than_it_has_permits) {
  for (const bool tracked : {false, true}) {
    BoundedSemaphore semaphore({.value = 2, .track_holders = tracked});
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 3000; ++n) {
          semaphore.acquire();
          const int now = ++inside;
          if (now > most) most = now;
          --inside;
          semaphore.release();
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_LE(most, 2);
    EXPECT_EQ(semaphore.value(), 2);
  }
}

TEST(SemaphoreTest, ends_a_wait_when_a_stop_is_asked_for) {
  Semaphore semaphore(0);
  std::stop_source stop;
  std::thread stopped([&] { EXPECT_FALSE(semaphore.acquire(stop.get_token())); });
  std::thread other([&] { EXPECT_TRUE(semaphore.try_acquire_for(kDeadline)); });
  EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 2; }));
  stop.request_stop();
  stopped.join();
  EXPECT_FALSE(semaphore.acquire(stop.get_token())) << "asked for before";
  semaphore.release();
  other.join();
  semaphore.release();
  EXPECT_TRUE(semaphore.acquire(stop.get_token())) << "no wait was needed";
}

TEST(SemaphoreTest, says_who_waits) {
  Semaphore semaphore(0);
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> thread{0};
  std::thread waiting([&] {
    thread = ::gettid();
    EXPECT_TRUE(semaphore.try_acquire_for(kDeadline));
  });
  EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 1; }));
  const shoal::Waiters waiters = semaphore.waiters();
  EXPECT_EQ(waiters.at(0).pid, ::getpid());
  EXPECT_EQ(waiters.at(0).thread, thread);
  EXPECT_GE(waiters.at(0).since, start - 20ms);
  semaphore.release();
  waiting.join();
  EXPECT_TRUE(semaphore.waiters().empty());
}

// A waiter has a place for its note from one instant and is named there from a later one.
TEST(SemaphoreTest, names_who_waits_whole_or_not_at_all) {
  for (int i = 0; i < 500; ++i) {
    Semaphore semaphore(0);
    std::atomic<int> thread{0};
    std::thread waiting([&] {
      thread = ::gettid();
      EXPECT_TRUE(semaphore.try_acquire_for(kDeadline));
    });
    shoal::Waiters waiters;
    const auto end = std::chrono::steady_clock::now() + kDeadline;
    while (waiters.empty() && std::chrono::steady_clock::now() < end) waiters = semaphore.waiters();
    EXPECT_EQ(waiters.size(), 1U);
    for (const shoal::Holder& waiter : waiters) EXPECT_EQ(waiter.thread, thread);
    semaphore.release();
    waiting.join();
  }
}

// ---------------------------------------------------------------- holders that are tracked

TEST(TrackedSemaphoreTest, counts_as_any_other) {
  Semaphore semaphore({.value = 2, .track_holders = true});
  semaphore.acquire();
  semaphore.acquire();
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(2);
  EXPECT_EQ(semaphore.value(), 2);
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 3) << "one more than there were";
}

TEST(TrackedSemaphoreTest, has_1024_permits_at_most) {
  Semaphore semaphore({.value = 1023, .track_holders = true});
  EXPECT_THROW(semaphore.release(2), shoal::NotHeldError);
  EXPECT_EQ(semaphore.value(), 1023) << "state untouched";
  semaphore.release();
  EXPECT_THROW(semaphore.release(), shoal::NotHeldError);
  EXPECT_EQ(semaphore.value(), 1024);
}

TEST(TrackedSemaphoreTest, gets_a_dead_holders_permits_back) {
  BoundedSemaphore semaphore({.value = 3, .track_holders = true});
  const pid_t child = ::fork();
  if (child == 0) {
    for (int i = 0; i < 3; ++i) semaphore.acquire();
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(semaphore.try_acquire());
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(3);
  EXPECT_EQ(semaphore.value(), 3);
}

TEST(TrackedSemaphoreTest, may_be_released_for_one_that_died) {
  BoundedSemaphore semaphore({.value = 1, .track_holders = true});
  const pid_t child = ::fork();
  if (child == 0) {
    semaphore.acquire();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_NO_THROW(semaphore.release());
  EXPECT_EQ(semaphore.value(), 1);
  EXPECT_THROW(semaphore.release(), shoal::NotHeldError);
}

// ---------------------------------------------------------------- signal handlers

Semaphore* released_by_signal = nullptr;

/// While it lives, SIGUSR1 releases a semaphore.
class ReleaseOnSignal {
 public:
  explicit ReleaseOnSignal(Semaphore& semaphore) {
    released_by_signal = &semaphore;
    struct sigaction action{};
    action.sa_handler = [](int) { released_by_signal->release(); };
    ::sigaction(SIGUSR1, &action, &before_);
  }
  ~ReleaseOnSignal() { ::sigaction(SIGUSR1, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

TEST(SemaphoreTest, is_released_in_a_signal_handler) {
  Semaphore semaphore(0);
  const ReleaseOnSignal handler(semaphore);
  std::thread waiting([&] { EXPECT_TRUE(semaphore.try_acquire_for(kDeadline)); });
  EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 1; }));
  ::raise(SIGUSR1);
  waiting.join();
}

TEST(SemaphoreTest, is_released_in_a_signal_handler_of_the_thread_that_waits) {
  Semaphore semaphore(0);
  const ReleaseOnSignal handler(semaphore);
  std::thread waiting([&] { EXPECT_TRUE(semaphore.try_acquire_for(kDeadline)); });
  EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 1; }));
  ::pthread_kill(waiting.native_handle(), SIGUSR1);
  waiting.join();
}

TEST(SemaphoreTest, loses_no_permit_to_handlers_that_interrupt_its_operations) {
  Semaphore semaphore(0);
  const ReleaseOnSignal handler(semaphore);
  constexpr int kSignals = 500;
  std::atomic<int> taken{0};
  std::thread taking([&] {
    while (taken < kSignals && semaphore.try_acquire_for(kDeadline)) ++taken;
  });
  for (int i = 0; i < kSignals; ++i) {
    ::pthread_kill(taking.native_handle(), SIGUSR1);  // one at a time: equal signals are merged
    EXPECT_TRUE(happens([&] { return taken > i; }));
  }
  taking.join();
  EXPECT_EQ(semaphore.value(), 0);
}

}  // namespace
