#include "sync/owner_lock.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <new>
#include <thread>
#include <vector>

namespace shoal::sync {
namespace {

using namespace std::chrono_literals;

constexpr shm::Bounds kBounds{.watch = 2ms, .sleep = 20ms};

struct Shared {
  shm::LockWords lock;
  std::atomic<int> entered;
};

// A lock in memory that children share.
class OwnerLockTest : public testing::Test {
 protected:
  void TearDown() override { ::munmap(shared_, sizeof(Shared)); }

  [[nodiscard]] OwnerLock lock() { return OwnerLock(shared_->lock); }
  Taken acquire(os::Deadline deadline = os::Deadline::after(10s)) {
    shm::Spin spin;
    return lock().acquire(os::self(), kBounds, deadline, spin);
  }

  template <class Body>
  static pid_t start_child(Body body) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    body();
    ::_exit(0);
  }
  static void reap(pid_t pid) { ::waitpid(pid, nullptr, 0); }

  template <class Event>
  static bool happens(Event event) {
    const auto end = os::Clock::now() + 10s;
    while (!event()) {
      if (os::Clock::now() > end) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }
  // A child that holds the lock until it is killed.
  pid_t start_holder() {
    const pid_t child = start_child([&] {
      acquire();
      for (;;) ::pause();
    });
    EXPECT_TRUE(happens([&] { return os::pid_of(lock().owner()) == child; }));
    return child;
  }

  Shared* shared_ = new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared{};
};

TEST_F(OwnerLockTest, names_its_owner) {
  EXPECT_EQ(lock().owner(), 0U);
  EXPECT_EQ(acquire(), Taken::kFree);
  EXPECT_EQ(lock().owner(), os::self());
  lock().release();
  EXPECT_EQ(lock().owner(), 0U);
}

TEST_F(OwnerLockTest, is_not_taken_twice) {
  EXPECT_TRUE(lock().try_acquire(os::self()));
  EXPECT_FALSE(lock().try_acquire(os::self()));
  EXPECT_EQ(acquire(os::Deadline::now()), Taken::kNo);
  EXPECT_EQ(acquire(os::Deadline::after(5ms)), Taken::kNo);
}

TEST_F(OwnerLockTest, is_released_only_where_it_is_held) {
  EXPECT_FALSE(lock().release_if_held());
  acquire();
  EXPECT_TRUE(lock().release_if_held());
  EXPECT_FALSE(lock().release_if_held());
}

TEST_F(OwnerLockTest, is_taken_from_the_dead_and_says_so) {
  const pid_t holder = start_holder();
  EXPECT_EQ(acquire(os::Deadline::now()), Taken::kNo);
  ::kill(holder, SIGKILL);
  reap(holder);
  EXPECT_EQ(acquire(), Taken::kFromDead);
  EXPECT_EQ(lock().owner(), os::self());
}

TEST_F(OwnerLockTest, is_taken_from_the_dead_by_those_who_do_not_wait) {
  const pid_t holder = start_holder();
  ::kill(holder, SIGKILL);
  reap(holder);
  EXPECT_EQ(acquire(os::Deadline::now()), Taken::kFromDead);
}

TEST_F(OwnerLockTest, is_taken_from_a_zombie) {
  const pid_t holder = start_holder();
  ::kill(holder, SIGKILL);
  EXPECT_EQ(acquire(), Taken::kFromDead);
  reap(holder);
}

TEST_F(OwnerLockTest, is_not_taken_from_the_stopped) {
  const pid_t holder = start_holder();
  ::kill(holder, SIGSTOP);
  EXPECT_EQ(acquire(os::Deadline::after(50ms)), Taken::kNo);
  ::kill(holder, SIGKILL);
  EXPECT_EQ(acquire(), Taken::kFromDead);
  reap(holder);
}

TEST_F(OwnerLockTest, tells_the_next_again_where_the_taker_died_too) {
  for (int i = 0; i < 3; ++i) {
    const pid_t taker = start_child([&] {
      acquire();
      ::raise(SIGKILL);
    });
    reap(taker);
  }
  EXPECT_EQ(acquire(), Taken::kFromDead);
  lock().release();
  EXPECT_EQ(acquire(), Taken::kFree);
}

TEST_F(OwnerLockTest, is_taken_from_the_dead_by_one_only) {
  const pid_t holder = start_holder();
  std::atomic<int> from_dead{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      if (acquire() == Taken::kFromDead) ++from_dead;
      EXPECT_EQ(shared_->entered.fetch_add(1), 0);
      shared_->entered.fetch_sub(1);
      lock().release();
    });
  }
  ::kill(holder, SIGKILL);
  for (auto& thread : threads) thread.join();
  reap(holder);
  EXPECT_EQ(from_dead, 1);
}

TEST_F(OwnerLockTest, excludes_threads_and_processes_from_each_other) {
  constexpr int kTimes = 20'000;
  const auto work = [&] {
    bool alone = true;
    for (int i = 0; i < kTimes; ++i) {
      acquire();
      alone = shared_->entered.fetch_add(1) == 0 && alone;
      shared_->entered.fetch_sub(1);
      lock().release();
    }
    return alone;
  };
  const pid_t child = start_child([&] { ::_exit(work() ? 0 : 1); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { EXPECT_TRUE(work()); });
  for (auto& thread : threads) thread.join();
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace shoal::sync
