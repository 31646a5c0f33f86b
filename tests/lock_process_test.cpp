// The contract of locks between processes, under each start method.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <mutex>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <vector>

#include "support/board.hpp"
#include "support/start_methods.hpp"

namespace {

using shoal::Lock;
using shoal::Process;
using shoal::Queue;
using support::Board;
using support::kDeadline;

class LockProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, LockProcessTest, support::kStartMethods, support::start_method_name);

template <class... Args>
void run(int exitcode, Args&&... args) {
  Process process(std::forward<Args>(args)...);
  process.start();
  EXPECT_TRUE(process.join_for(kDeadline));
  EXPECT_EQ(process.exitcode(), exitcode);
}

// The queue holds one number: who takes it out puts it back, increased. Two at once would wait for
// ever, or find none.
void count(Lock lock, Queue<int> cell, int times) {
  for (int i = 0; i < times; ++i) {
    const std::scoped_lock guard(lock);
    cell.put(cell.try_get().value() + 1);
  }
}

TEST_P(LockProcessTest, excludes_processes_from_each_other) {
  Lock lock;
  Queue<int> cell;
  cell.put(0);
  std::vector<Process> workers;
  for (int i = 0; i < 3; ++i) workers.emplace_back(count, lock, cell, 5000).start();
  for (auto& worker : workers) {
    EXPECT_TRUE(worker.join_for(kDeadline));
    EXPECT_EQ(worker.exitcode(), 0);
  }
  EXPECT_EQ(cell.try_get(), 15'000);
}

void try_it(Lock lock) { std::exit(lock.try_lock() ? 1 : 2); }
void release(Lock lock) { lock.release(); }
void acquire(Lock lock) { lock.lock(); }
void acquire_and_die(Lock lock) {
  lock.lock();
  ::raise(SIGKILL);
}

TEST_P(LockProcessTest, is_held_against_other_processes) {
  Lock lock;
  const std::scoped_lock guard(lock);
  run(2, try_it, lock);
}

TEST_P(LockProcessTest, is_released_by_any_process) {
  Lock lock;
  lock.lock();
  run(0, release, lock);
  EXPECT_TRUE(lock.try_lock());
}

TEST_P(LockProcessTest, may_be_passed_like_a_baton) {
  Lock lock;
  run(0, acquire, lock);
  lock.release();
  EXPECT_THROW(lock.release(), shoal::NotHeldError);
  const auto acquired = lock.try_acquire();
  EXPECT_TRUE(acquired);
  EXPECT_FALSE(acquired.owner_died());
}

TEST_P(LockProcessTest, goes_to_the_next_when_its_holder_dies_who_is_told) {
  for (const bool killed : {true, false}) {
    Lock lock;
    run(killed ? -SIGKILL : 0, killed ? acquire_and_die : acquire, lock);
    EXPECT_TRUE(lock.locked());
    const auto acquired = lock.try_acquire();
    EXPECT_TRUE(acquired);
    EXPECT_TRUE(acquired.owner_died());
    EXPECT_EQ(lock.owner(), ::getpid());
    lock.release();
    EXPECT_FALSE(lock.acquire().owner_died()) << "told once";
  }
}

void hold(const Board& board, Lock lock) {
  const std::scoped_lock guard(lock);
  board.note("held");
  shoal::parent_process()->join();
}

TEST_P(LockProcessTest, goes_to_one_that_waits_when_its_holder_is_killed) {
  const Board board = Board::make();
  Lock lock;
  Process holder(hold, board, lock);
  holder.start();
  EXPECT_TRUE(board.waits_for("held"));
  EXPECT_EQ(lock.owner(), holder.pid());
  EXPECT_FALSE(lock.acquire_for(std::chrono::milliseconds(60)));  // it lives
  holder.kill();
  const auto acquired = lock.acquire_for(kDeadline);
  EXPECT_TRUE(acquired.owner_died());
  holder.join();
}

TEST_P(LockProcessTest, of_a_stopped_holder_is_not_taken) {
  const Board board = Board::make();
  Lock lock;
  Process holder(hold, board, lock);
  holder.start();
  EXPECT_TRUE(board.waits_for("held"));
  ::kill(*holder.pid(), SIGSTOP);
  EXPECT_FALSE(lock.acquire_for(std::chrono::milliseconds(100)));
  holder.kill();
  EXPECT_TRUE(lock.acquire_for(kDeadline).owner_died());
  holder.join();
}

void lock_all(std::vector<Lock> locks) {
  for (auto& lock : locks) lock.lock();
}

TEST_P(LockProcessTest, travels_with_many_others) {
  std::vector<Lock> locks(300);
  run(0, lock_all, locks);
  for (auto& lock : locks) lock.release();
}

}  // namespace
