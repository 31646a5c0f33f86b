// The contract of locks inside one process.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <shoal/wait.hpp>
#include <thread>
#include <vector>

#include "support/process_facts.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Lock;
using support::happens;
using support::kDeadline;

TEST(LockTest, says_whether_it_was_acquired) {
  Lock lock;
  const auto acquired = lock.acquire();
  EXPECT_TRUE(acquired);
  EXPECT_FALSE(acquired.owner_died());
  EXPECT_FALSE(lock.try_acquire());
  EXPECT_FALSE(lock.acquire_for(2ms));
  EXPECT_FALSE(lock.acquire_for(0s));
  EXPECT_FALSE(lock.acquire_for(-1s));
  lock.release();
  EXPECT_TRUE(lock.try_acquire());
  lock.release();
}

TEST(LockTest, cannot_be_released_when_free) {
  Lock lock;
  EXPECT_THROW(lock.release(), shoal::NotHeldError);
  lock.lock();
  lock.unlock();
  EXPECT_THROW(lock.release(), shoal::NotHeldError);
  EXPECT_TRUE(lock.try_acquire());
}

TEST(LockTest, tells_who_holds_it) {
  Lock lock;
  EXPECT_FALSE(lock.locked());
  EXPECT_EQ(lock.owner(), std::nullopt);
  const std::scoped_lock guard(lock);
  EXPECT_TRUE(lock.locked());
  EXPECT_EQ(lock.owner(), ::getpid());
  EXPECT_EQ(lock.name(), "");
}

TEST(LockTest, works_with_the_guards_of_the_standard_library) {
  Lock first;
  Lock second;
  {
    const std::lock_guard<Lock> guard(first);
    EXPECT_TRUE(first.locked());
    EXPECT_FALSE(first.try_lock());
  }
  {
    const std::scoped_lock both(first, second);
    EXPECT_TRUE(first.locked() && second.locked());
  }
  {
    std::unique_lock<Lock> guard(first, std::defer_lock);
    EXPECT_TRUE(guard.try_lock_for(kDeadline));
    std::unique_lock<Lock> other(first, std::try_to_lock);
    EXPECT_FALSE(other.owns_lock());
    EXPECT_FALSE(other.try_lock_until(std::chrono::steady_clock::now() + 2ms));
    EXPECT_FALSE(other.try_lock_until(std::chrono::system_clock::now() + 2ms));
  }
  EXPECT_FALSE(first.locked() || second.locked());
}

TEST(LockTest, is_one_lock_in_all_its_handles) {
  const Lock lock;
  Lock copy = lock;
  const Lock other;
  EXPECT_TRUE(copy == lock);
  EXPECT_FALSE(copy == other);
  copy.lock();
  EXPECT_TRUE(lock.locked());
  EXPECT_FALSE(other.locked());
}

TEST(LockTest, is_released_by_any_thread_and_kept_by_the_end_of_one) {
  Lock lock;
  std::thread([&] { lock.lock(); }).join();
  EXPECT_FALSE(lock.try_lock());
  std::thread([&] { lock.release(); }).join();
  EXPECT_TRUE(lock.try_lock());
}

TEST(LockTest, excludes_threads_from_each_other) {
  Lock lock;
  int counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20'000; ++n) {
        const std::scoped_lock guard(lock);
        ++counter;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter, 80'000);
}

TEST(LockTest, wakes_one_that_waits) {
  Lock lock;
  lock.lock();
  std::atomic<bool> acquired{false};
  std::thread waiting([&] { acquired = static_cast<bool>(lock.acquire_for(kDeadline)); });
  lock.unlock();
  waiting.join();
  EXPECT_TRUE(acquired);
}

TEST(LockTest, costs_few_descriptors_and_gives_them_back) {
  const auto before = support::open_descriptors();
  {
    std::vector<Lock> locks(10'000);
    EXPECT_LT(support::open_descriptors().size() - before.size(), 200U);
    for (auto& lock : locks) EXPECT_TRUE(lock.try_lock());
    for (auto& lock : locks) EXPECT_FALSE(lock.try_lock());
  }
  EXPECT_EQ(support::open_descriptors(), before);
}

TEST(LockTest, ends_a_wait_when_the_interrupt_check_says_so) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  shoal::set_interrupt_check([] { return true; });
  Lock lock;
  lock.lock();
  std::atomic<bool> interrupted{false};
  std::thread waiting([&] {
    try {
      lock.lock();
    } catch (const shoal::Interrupted&) {
      interrupted = true;
    }
  });
  EXPECT_TRUE(happens([&] {
    if (!interrupted) ::pthread_kill(waiting.native_handle(), SIGUSR1);
    return interrupted.load();
  }));
  waiting.join();
  shoal::set_interrupt_check(nullptr);
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(lock.owner(), ::getpid());
  lock.unlock();
  EXPECT_TRUE(lock.try_lock());
}

}  // namespace
