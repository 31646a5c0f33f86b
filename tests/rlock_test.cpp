// The contract of recursive locks inside one process, and what Lock and RLock have in common.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/process_facts.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Lock;
using shoal::OnOwnerDeath;
using shoal::RLock;
using support::happens;
using support::kDeadline;

/// In a thread of its own, to the end.
template <class Body>
void elsewhere(Body body) {
  std::thread(body).join();
}

/// What the body returns in a child of fork.
template <class Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(RLockTest, is_acquired_again_by_its_thread_and_released_as_often) {
  RLock lock;
  for (unsigned depth = 1; depth <= 3; ++depth) {
    EXPECT_TRUE(lock.acquire());
    EXPECT_EQ(lock.depth(), depth);
  }
  for (unsigned depth = 3; depth > 0; --depth) {
    EXPECT_TRUE(lock.locked());
    lock.release();
    EXPECT_EQ(lock.depth(), depth - 1);
  }
  EXPECT_FALSE(lock.locked());
}

TEST(RLockTest, is_held_against_other_threads) {
  RLock lock;
  const std::scoped_lock guard(lock);
  elsewhere([&] {
    EXPECT_FALSE(lock.try_acquire());
    EXPECT_FALSE(lock.acquire_for(2ms));
    EXPECT_FALSE(lock.acquire_for(-1s));
    EXPECT_EQ(lock.depth(), 0U);
    EXPECT_EQ(lock.owner(), ::getpid());
  });
}

TEST(RLockTest, is_not_released_by_one_that_does_not_hold_it) {
  RLock lock;
  EXPECT_THROW(lock.release(), shoal::NotOwnerError);
  lock.lock();
  lock.lock();
  elsewhere([&] { EXPECT_THROW(lock.release(), shoal::NotOwnerError); });
  EXPECT_EQ(lock.depth(), 2U);
  lock.unlock();
  lock.unlock();
  EXPECT_THROW(lock.release(), shoal::NotOwnerError);
  EXPECT_TRUE(lock.try_lock());
}

TEST(RLockTest, goes_to_the_next_when_its_thread_ends_who_is_told) {
  RLock lock;
  elsewhere([&] {
    for (int i = 0; i < 3; ++i) lock.lock();
  });
  const auto acquired = lock.acquire_for(kDeadline);
  EXPECT_TRUE(acquired.owner_died());
  EXPECT_EQ(lock.depth(), 1U) << "the depth is the new holder's";
  lock.release();
  EXPECT_FALSE(lock.acquire().owner_died()) << "told once";
}

TEST(RLockTest, goes_to_one_that_waits_when_its_thread_ends) {
  RLock lock;
  std::atomic<bool> held{false};
  std::atomic<bool> end{false};
  std::thread holder([&] {
    lock.lock();
    held = true;
    happens([&] { return end.load(); });
  });
  EXPECT_TRUE(happens([&] { return held.load(); }));
  std::thread waiting([&] { EXPECT_TRUE(lock.acquire_for(kDeadline).owner_died()); });
  EXPECT_TRUE(happens([&] { return lock.waiters().size() == 1; }));
  end = true;
  holder.join();
  waiting.join();
}

TEST(RLockTest, is_left_to_its_dead_owner_where_it_was_made_so) {
  RLock lock({.on_owner_death = OnOwnerDeath::kThrow});
  elsewhere([&] { lock.lock(); });
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(static_cast<void>(lock.acquire_for(kDeadline)), shoal::OwnerDied);
    EXPECT_TRUE(lock.locked());
    EXPECT_EQ(lock.depth(), 0U);
  }
  EXPECT_THROW(static_cast<void>(lock.try_acquire()), shoal::OwnerDied);
  lock.release();
  EXPECT_FALSE(lock.locked());
  const auto acquired = lock.acquire();
  EXPECT_TRUE(acquired);
  EXPECT_FALSE(acquired.owner_died());
}

TEST(RLockTest, of_a_living_owner_is_not_released_by_another_however_it_was_made) {
  RLock lock({.on_owner_death = OnOwnerDeath::kThrow});
  const std::scoped_lock guard(lock);
  elsewhere([&] { EXPECT_THROW(lock.release(), shoal::NotOwnerError); });
  EXPECT_EQ(lock.depth(), 1U);
}

TEST(RLockTest, of_a_parent_is_not_held_by_its_forked_child) {
  RLock lock;
  lock.lock();
  lock.lock();
  EXPECT_EQ(in_child([&] {
              try {
                lock.release();
                return 1;
              } catch (const shoal::NotOwnerError&) {
              }
              if (lock.depth() != 0) return 2;
              if (lock.try_lock()) return 3;
              return lock.owner() == ::getppid() ? 0 : 4;
            }),
            0);
  EXPECT_EQ(lock.depth(), 2U);
}

TEST(RLockTest, that_a_forked_child_acquires_again_and_again_is_its_own) {
  RLock lock;
  lock.lock();
  lock.unlock();  // this thread is known to the lock by now
  EXPECT_EQ(in_child([&] {
              lock.lock();
              lock.lock();
              const bool right = lock.depth() == 2 && lock.owner() == ::getpid();
              lock.unlock();
              lock.unlock();
              return right && !lock.locked() ? 0 : 1;
            }),
            0);
  EXPECT_FALSE(lock.acquire().owner_died());
}

TEST(RLockTest, excludes_threads_from_each_other_at_every_depth) {
  RLock lock;
  int counter = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10'000; ++n) {
        const std::scoped_lock guard(lock);
        ++counter;
        const std::scoped_lock again(lock);
        ++counter;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(counter, 80'000);
}

TEST(RLockTest, costs_few_descriptors) {
  const auto before = support::open_descriptors();
  std::vector<RLock> locks(10'000);
  EXPECT_LT(support::open_descriptors().size() - before.size(), 200U);
  for (auto& lock : locks) EXPECT_TRUE(lock.try_lock() && lock.try_lock());
}

// ---------------------------------------------------------------- Lock and RLock alike

template <class T>
class BothLocksTest : public testing::Test {
 protected:
  T lock_;
};
using Both = testing::Types<Lock, RLock>;
TYPED_TEST_SUITE(BothLocksTest, Both);

TYPED_TEST(BothLocksTest, work_with_the_guards_of_the_standard_library) {
  TypeParam other;
  {
    const std::scoped_lock both(this->lock_, other);
    EXPECT_TRUE(this->lock_.locked() && other.locked());
  }
  {
    const std::lock_guard<TypeParam> guard(this->lock_);
    EXPECT_TRUE(this->lock_.locked());
  }
  std::unique_lock<TypeParam> guard(this->lock_, kDeadline);
  EXPECT_TRUE(guard.owns_lock());
  elsewhere([&] {
    EXPECT_FALSE(std::unique_lock<TypeParam>(this->lock_, std::try_to_lock).owns_lock());
    EXPECT_FALSE(std::unique_lock<TypeParam>(this->lock_, 2ms).owns_lock());
    const auto time = std::chrono::steady_clock::now() + 2ms;
    EXPECT_FALSE(std::unique_lock<TypeParam>(this->lock_, time).owns_lock());
  });
  guard.unlock();
  EXPECT_FALSE(this->lock_.locked());
}

TYPED_TEST(BothLocksTest, end_a_wait_when_a_stop_is_asked_for) {
  this->lock_.lock();
  std::stop_source stop;
  std::thread waiting([&] { EXPECT_FALSE(this->lock_.acquire(stop.get_token())); });
  EXPECT_TRUE(happens([&] { return this->lock_.waiters().size() == 1; }));
  stop.request_stop();
  waiting.join();
  EXPECT_TRUE(this->lock_.locked());
  elsewhere([&] { EXPECT_FALSE(this->lock_.acquire(stop.get_token())) << "asked for before"; });
}

TYPED_TEST(BothLocksTest, that_are_free_are_acquired_although_a_stop_was_asked_for) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(this->lock_.acquire(stop.get_token()));
}

TYPED_TEST(BothLocksTest, stop_only_those_who_were_asked_to) {
  this->lock_.lock();
  std::stop_source stop;
  std::thread stopped([&] { EXPECT_FALSE(this->lock_.acquire(stop.get_token())); });
  std::thread other([&] {
    EXPECT_TRUE(this->lock_.acquire_for(kDeadline));
    this->lock_.release();
  });
  EXPECT_TRUE(happens([&] { return this->lock_.waiters().size() == 2; }));
  stop.request_stop();
  stopped.join();
  this->lock_.unlock();
  other.join();
}

TYPED_TEST(BothLocksTest, say_who_holds_them_and_who_waits) {
  EXPECT_FALSE(this->lock_.holder());
  EXPECT_TRUE(this->lock_.waiters().empty());
  const auto start = std::chrono::steady_clock::now();
  this->lock_.lock();
  ASSERT_TRUE(this->lock_.holder());
  EXPECT_EQ(this->lock_.holder()->pid, ::getpid());
  EXPECT_EQ(this->lock_.holder()->thread, ::gettid());
  std::atomic<int> thread{0};
  std::thread waiting([&] {
    thread = ::gettid();
    EXPECT_TRUE(this->lock_.acquire_for(kDeadline));
    this->lock_.release();
  });
  EXPECT_TRUE(happens([&] { return this->lock_.waiters().size() == 1; }));
  const shoal::Waiters waiters = this->lock_.waiters();
  EXPECT_EQ(waiters.at(0).pid, ::getpid());
  EXPECT_EQ(waiters.at(0).thread, thread);
  EXPECT_GE(waiters.at(0).since, start - 20ms);
  EXPECT_GE(this->lock_.holder()->since, start - 20ms) << "known since somebody waits";
  this->lock_.unlock();
  waiting.join();
  EXPECT_TRUE(this->lock_.waiters().empty());
  EXPECT_FALSE(this->lock_.holder());
}

TYPED_TEST(BothLocksTest, are_one_lock_in_all_their_handles) {
  const TypeParam copy = this->lock_;
  EXPECT_TRUE(copy == this->lock_);
  EXPECT_FALSE(copy == TypeParam());
  this->lock_.lock();
  EXPECT_TRUE(copy.locked());
  EXPECT_EQ(copy.name(), "");
}

}  // namespace
