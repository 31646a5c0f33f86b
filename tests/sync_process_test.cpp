// Handles of every class of sync/ in other processes, under each start method.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <shoal/barrier.hpp>
#include <shoal/condition.hpp>
#include <shoal/error.hpp>
#include <shoal/event.hpp>
#include <shoal/lock.hpp>
#include <shoal/process.hpp>
#include <shoal/semaphore.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/board.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using shoal::Barrier;
using shoal::BoundedSemaphore;
using shoal::Condition;
using shoal::Event;
using shoal::Lock;
using shoal::Process;
using shoal::RLock;
using shoal::Semaphore;
using support::Board;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::started;

class SyncProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, SyncProcessTest, support::kStartMethods, support::start_method_name);

// ---------------------------------------------------------------- as arguments

void recurse(RLock lock) {
  if (lock.try_acquire() || lock.depth() != 0) std::exit(2);
  if (!lock.acquire_for(kDeadline)) std::exit(3);
  lock.lock();
  if (lock.depth() != 2 || lock.owner() != ::getpid()) std::exit(4);
  lock.unlock();
  lock.unlock();
}

TEST_P(SyncProcessTest, rlock_is_held_by_one_process_at_a_time) {
  RLock lock;
  lock.lock();
  lock.lock();
  Process other = started(recurse, lock);
  EXPECT_TRUE(happens([&] { return lock.waiters().size() == 1; }));
  EXPECT_EQ(lock.waiters().at(0).pid, other.pid());
  EXPECT_EQ(lock.depth(), 2U);
  lock.unlock();
  lock.unlock();
  ends_with(other, 0);
  EXPECT_FALSE(lock.acquire().owner_died());
}

void release_of_anothers(RLock lock) {
  try {
    lock.release();
  } catch (const shoal::NotOwnerError&) {
    std::exit(7);
  }
}

TEST_P(SyncProcessTest, rlock_is_not_released_by_another_process) {
  RLock lock;
  lock.lock();
  Process other = started(release_of_anothers, lock);
  ends_with(other, 7);
  EXPECT_EQ(lock.depth(), 1U);
}

void pass_permits(Semaphore from, Semaphore to, int count) {
  for (int i = 0; i < count; ++i) {
    if (!from.try_acquire_for(kDeadline)) std::exit(1);
    to.release();
  }
}

TEST_P(SyncProcessTest, semaphores_carry_permits_from_process_to_process) {
  for (const bool tracked : {false, true}) {
    Semaphore from({.value = 0, .track_holders = tracked});
    Semaphore to({.value = 0, .track_holders = tracked});
    Process other = started(pass_permits, from, to, 200);
    for (int i = 0; i < 200; ++i) {
      from.release();
      EXPECT_TRUE(to.try_acquire_for(kDeadline));
    }
    ends_with(other, 0);
  }
}

void exceed(BoundedSemaphore semaphore) {
  semaphore.release();
  try {
    semaphore.release();
  } catch (const shoal::NotHeldError&) {
    std::exit(7);
  }
}

TEST_P(SyncProcessTest, bounded_semaphore_is_bounded_everywhere) {
  BoundedSemaphore semaphore(2);
  semaphore.acquire();
  Process other = started(exceed, semaphore);
  ends_with(other, 7);
  EXPECT_EQ(semaphore.value(), 2);
}

void answer(Event asked, Event answered) {
  if (!asked.wait_for(kDeadline)) std::exit(1);
  answered.set();
}

TEST_P(SyncProcessTest, event_wakes_who_waits_in_another_process) {
  Event asked;
  Event answered;
  std::vector<Process> others;
  for (int i = 0; i < 3; ++i) others.push_back(started(answer, asked, answered));
  EXPECT_TRUE(happens([&] { return asked.waiters().size() == 3; }));
  EXPECT_FALSE(answered.is_set());
  asked.set();
  asked.clear();
  EXPECT_TRUE(answered.wait_for(kDeadline));
  for (auto& other : others) ends_with(other, 0);
}

Event to_set;
void set_on_signal(Event event, Event ready, Event end) {
  to_set = event;
  ::signal(SIGUSR1, [](int) { to_set.set(); });
  ready.set();
  std::exit(end.wait_for(kDeadline) ? 0 : 1);
}

TEST_P(SyncProcessTest, event_is_set_in_a_signal_handler_of_another_process) {
  Event event;
  Event ready;
  Event end;
  Process other = started(set_on_signal, event, ready, end);
  EXPECT_TRUE(ready.wait_for(kDeadline));
  ::kill(*other.pid(), SIGUSR1);
  EXPECT_TRUE(event.wait_for(kDeadline));
  end.set();
  ends_with(other, 0);
}

void wait_at(Condition condition, const Board& board, const std::string& note) {
  const std::scoped_lock guard(condition);
  if (!condition.wait_for(kDeadline)) std::exit(1);
  board.note(note);
}

TEST_P(SyncProcessTest, condition_wakes_exactly_as_many_as_it_is_told_to) {
  const Board board = Board::make();
  Lock lock;
  RLock rlock;
  for (Condition condition : {Condition(), Condition(lock), Condition(rlock)}) {
    std::vector<Process> others;
    for (int i = 0; i < 3; ++i) others.push_back(started(wait_at, condition, board, "back"));
    EXPECT_TRUE(happens([&] { return condition.waiting() == 3; }));
    for (const std::size_t left : {2, 0}) {
      const std::scoped_lock guard(condition);
      condition.notify(left == 2 ? 1 : 2);
      EXPECT_EQ(condition.waiting(), left);
    }
    for (auto& other : others) ends_with(other, 0);
  }
}

void compare_locks(Condition condition, Lock lock) {
  lock.lock();
  condition.notify();
  lock.unlock();
}

TEST_P(SyncProcessTest, condition_travels_with_the_lock_it_was_given) {
  Lock lock;
  Process other = started(compare_locks, Condition(lock), lock);
  ends_with(other, 0);
}

void pass(Barrier barrier, int rounds, const Board& board) {
  for (int round = 0; round < rounds; ++round) {
    const auto index = barrier.wait_for(kDeadline);
    board.note(std::to_string(round) + "-" + std::to_string(index));
  }
}

TEST_P(SyncProcessTest, barrier_lets_all_processes_through_together) {
  const Board board = Board::make();
  Barrier barrier(3);
  Process first = started(pass, barrier, 20, board);
  Process second = started(pass, barrier, 20, board);
  pass(barrier, 20, board);
  ends_with(first, 0);
  ends_with(second, 0);
  for (int i = 0; i < 60; ++i) {
    const std::string note = std::to_string(i / 3) + "-" + std::to_string(i % 3);
    EXPECT_TRUE(board.has(note)) << note;
  }
}

void wait_briefly(Barrier barrier) {
  try {
    barrier.wait();
  } catch (const shoal::BrokenBarrier&) {
    std::exit(7);
  }
}

TEST_P(SyncProcessTest, barrier_takes_its_timeout_along) {
  Barrier barrier({.parties = 2, .timeout = std::chrono::milliseconds(2)});
  Process other = started(wait_briefly, barrier);
  ends_with(other, 7);
  EXPECT_TRUE(barrier.broken());
}

TEST_P(SyncProcessTest, barrier_with_an_action_travels_by_fork_only) {
  Barrier barrier({.parties = 2, .action = [] {}});
  Process other(wait_briefly, barrier);
  if (GetParam() != shoal::StartMethod::fork) {
    EXPECT_THROW(other.start(), shoal::ProcessError);
    return;
  }
  other.start();
  EXPECT_LT(barrier.wait_for(kDeadline), 2U);
  ends_with(other, 0);
}

// ---------------------------------------------------------------- by name

struct Names {
  std::string base = "sync-" + std::to_string(::getpid()) + "-";
  [[nodiscard]] std::string of(const std::string& what) const { return base + what; }
};

void open_all(const std::string& base) {
  if (!RLock::open(base + "rlock").try_lock()) std::exit(1);  // and ends with it
  Semaphore::open(base + "semaphore").release();
  BoundedSemaphore::open(base + "bounded").acquire();
  Condition condition = Condition::open(base + "condition");
  const std::scoped_lock guard(condition);
  condition.notify();
  Barrier::open(base + "barrier").abort();
  Event::open(base + "event").set();
}

TEST_P(SyncProcessTest, all_classes_are_opened_by_name) {
  const Names names;
  RLock rlock(names.of("rlock"));
  Semaphore semaphore({.value = 0, .name = names.of("semaphore"), .track_holders = true});
  BoundedSemaphore bounded({.value = 2, .name = names.of("bounded")});
  Condition condition(names.of("condition"));
  Barrier barrier({.parties = 2, .name = names.of("barrier")});
  Event event(names.of("event"));
  condition.lock();
  Process other = started(open_all, names.base);
  EXPECT_TRUE(condition.wait_for(kDeadline));
  condition.unlock();
  EXPECT_TRUE(event.wait_for(kDeadline));
  ends_with(other, 0);
  EXPECT_TRUE(rlock.acquire_for(kDeadline).owner_died());
  EXPECT_EQ(semaphore.value(), 1);
  EXPECT_EQ(bounded.value(), 1);
  EXPECT_TRUE(barrier.broken());
  RLock::unlink(names.of("rlock"));
  Semaphore::unlink(names.of("semaphore"));
  BoundedSemaphore::unlink(names.of("bounded"));
  Condition::unlink(names.of("condition"));
  Barrier::unlink(names.of("barrier"));
  Event::unlink(names.of("event"));
}

TEST_P(SyncProcessTest, objects_with_a_name_travel_as_arguments_too) {
  const Names names;
  Event asked(names.of("asked"));
  Event answered(names.of("answered"));
  Event::unlink(names.of("asked"));
  Event::unlink(names.of("answered"));
  Process other = started(answer, asked, answered);
  asked.set();
  EXPECT_TRUE(answered.wait_for(kDeadline));
  ends_with(other, 0);
}

TEST(SyncNamesTest, an_unbounded_semaphore_is_not_opened_as_a_bounded_one) {
  const std::string name = Names().of("kind");
  const Semaphore semaphore({.name = name});
  EXPECT_THROW(static_cast<void>(BoundedSemaphore::open(name)), shoal::WrongKind);
  EXPECT_TRUE(Semaphore::open(name) == semaphore);
  Semaphore::unlink(name);
}

}  // namespace
