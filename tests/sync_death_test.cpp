// Deaths around the classes of sync/, under each start method: nobody waits for the dead.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <future>
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
using shoal::Condition;
using shoal::Event;
using shoal::Lock;
using shoal::Process;
using shoal::RLock;
using shoal::Semaphore;
using support::Board;
using support::die_by_kill;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::started;

class SyncDeathTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, SyncDeathTest, support::kStartMethods, support::start_method_name);

// ---------------------------------------------------------------- RLock and Lock

void recurse_and_die(RLock lock) {
  lock.lock();
  lock.lock();
  ::raise(SIGKILL);
}

TEST_P(SyncDeathTest, rlock_of_a_killed_owner_goes_to_the_next_who_is_told) {
  RLock lock;
  Process owner = started(recurse_and_die, lock);
  ends_with(owner, -SIGKILL);
  EXPECT_EQ(lock.owner(), owner.pid());
  const auto acquired = lock.try_acquire();
  EXPECT_TRUE(acquired.owner_died());
  EXPECT_EQ(lock.depth(), 1U);
  lock.release();
  EXPECT_FALSE(lock.acquire().owner_died()) << "told once";
}

void leave_to_a_thread_that_ends(RLock lock, Event end) {
  std::async(std::launch::async, [&] { lock.lock(); }).get();
  end.wait_for(kDeadline);
}

TEST_P(SyncDeathTest, rlock_of_a_thread_that_ended_goes_to_the_next_while_its_process_lives) {
  RLock lock;
  Event end;
  Process owner = started(leave_to_a_thread_that_ends, lock, end);
  EXPECT_TRUE(happens([&] { return lock.locked(); }));
  EXPECT_TRUE(lock.acquire_for(kDeadline).owner_died());
  EXPECT_TRUE(owner.is_alive());
  end.set();
  ends_with(owner, 0);
}

void lock_in_a_thread_that_ends(Lock lock, Event locked, Event end) {
  std::async(std::launch::async, [&] { lock.lock(); }).get();
  locked.set();
  end.wait_for(kDeadline);
}

TEST_P(SyncDeathTest, lock_of_a_thread_that_ended_stays_held_while_its_process_lives) {
  Lock lock;
  Event locked;
  Event end;
  Process owner = started(lock_in_a_thread_that_ends, lock, locked, end);
  EXPECT_TRUE(locked.wait_for(kDeadline));
  EXPECT_FALSE(lock.acquire_for(std::chrono::milliseconds(60)));
  EXPECT_EQ(lock.owner(), owner.pid());
  end.set();
  ends_with(owner, 0);
  EXPECT_TRUE(lock.acquire_for(kDeadline).owner_died());
}

template <class AnyLock>
void acquire_and_die(AnyLock lock) {
  lock.lock();
  ::raise(SIGKILL);
}

template <class AnyLock>
void is_left_to_the_dead() {
  AnyLock lock({.on_owner_death = shoal::OnOwnerDeath::kThrow});
  Process owner = started(acquire_and_die<AnyLock>, lock);
  ends_with(owner, -SIGKILL);
  for (int i = 0; i < 3; ++i) {
    try {
      static_cast<void>(i == 0 ? lock.try_acquire() : lock.acquire_for(kDeadline));
      ADD_FAILURE() << "acquired";
    } catch (const shoal::OwnerDied& error) {
      EXPECT_EQ(error.pid(), owner.pid());
    }
    EXPECT_EQ(lock.owner(), owner.pid()) << "untouched";
  }
  lock.release();
  EXPECT_FALSE(lock.locked());
  const auto acquired = lock.acquire();
  EXPECT_TRUE(acquired);
  EXPECT_FALSE(acquired.owner_died());
}

TEST_P(SyncDeathTest, lock_that_was_made_so_is_left_to_the_dead_until_it_is_released) {
  is_left_to_the_dead<Lock>();
}
TEST_P(SyncDeathTest, rlock_that_was_made_so_is_left_to_the_dead_until_it_is_released) {
  is_left_to_the_dead<RLock>();
}

// ---------------------------------------------------------------- Semaphore

void acquire_and_stay(Semaphore semaphore, Event held) {
  semaphore.acquire();
  semaphore.acquire();
  held.set();
  shoal::parent_process()->join();
}

TEST_P(SyncDeathTest, tracked_semaphore_gets_the_permits_of_a_killed_holder_back) {
  Semaphore semaphore({.value = 2, .track_holders = true});
  Event held;
  Process holder = started(acquire_and_stay, semaphore, held);
  EXPECT_TRUE(held.wait_for(kDeadline));
  auto waiting = std::async(std::launch::async, [&] {
    return semaphore.try_acquire_for(kDeadline) && semaphore.try_acquire_for(kDeadline);
  });
  EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 1; }));
  die_by_kill(holder);
  EXPECT_TRUE(waiting.get());
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release(2);
  EXPECT_EQ(semaphore.value(), 2);
}

TEST_P(SyncDeathTest, plain_semaphore_does_not_know_of_a_killed_holder) {
  Semaphore semaphore(2);
  Event held;
  Process holder = started(acquire_and_stay, semaphore, held);
  EXPECT_TRUE(held.wait_for(kDeadline));
  die_by_kill(holder);
  EXPECT_FALSE(semaphore.try_acquire());
  semaphore.release();
  EXPECT_EQ(semaphore.value(), 1);
}

void acquire_one(Semaphore semaphore) {
  if (!semaphore.try_acquire_for(kDeadline)) std::exit(1);
  semaphore.release();
}

TEST_P(SyncDeathTest, semaphore_goes_to_another_when_one_that_waits_is_killed) {
  for (const bool tracked : {false, true}) {
    Semaphore semaphore({.value = 0, .track_holders = tracked});
    Process victim = started(acquire_one, semaphore);
    EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 1; }));
    Process other = started(acquire_one, semaphore);
    EXPECT_TRUE(happens([&] { return semaphore.waiters().size() == 2; }));
    die_by_kill(victim);
    semaphore.release();
    ends_with(other, 0);
  }
}

// ---------------------------------------------------------------- Event

void wait_for(Event event) { std::exit(event.wait_for(kDeadline) ? 0 : 1); }

TEST_P(SyncDeathTest, event_wakes_the_others_when_some_who_wait_are_killed) {
  Event event;
  std::vector<Process> waiters;
  for (int i = 0; i < 4; ++i) waiters.push_back(started(wait_for, event));
  EXPECT_TRUE(happens([&] { return event.waiters().size() == 4; }));
  die_by_kill(waiters[0]);
  die_by_kill(waiters[2]);
  EXPECT_EQ(event.waiters().size(), 2U) << "the dead are not shown";
  event.set();
  event.clear();
  ends_with(waiters[1], 0);
  ends_with(waiters[3], 0);
}

void set_and_die(Event event) {
  event.set();
  ::raise(SIGKILL);
}

TEST_P(SyncDeathTest, event_stays_set_when_the_setter_is_killed) {
  Event event;
  Process waiter = started(wait_for, event);
  EXPECT_TRUE(happens([&] { return event.waiters().size() == 1; }));
  Process setter = started(set_and_die, event);
  ends_with(setter, -SIGKILL);
  ends_with(waiter, 0);
  EXPECT_TRUE(event.is_set());
}

// ---------------------------------------------------------------- Condition

void wait_until_notified(Condition condition) {
  const std::scoped_lock guard(condition);
  if (!condition.wait_for(kDeadline)) std::exit(1);
}

[[nodiscard]] Process started_waiting(Condition& condition) {
  const std::size_t before = condition.waiting();
  Process process = started(wait_until_notified, condition);
  EXPECT_TRUE(happens([&] { return condition.waiting() == before + 1; }));
  const std::scoped_lock released_by_it(condition);
  return process;
}

TEST_P(SyncDeathTest, condition_gives_the_notification_for_a_dead_waiter_to_another) {
  Condition condition;
  Process victim = started_waiting(condition);
  Process other = started_waiting(condition);
  die_by_kill(victim);
  condition.lock();
  condition.notify();
  condition.unlock();
  ends_with(other, 0);
}

TEST_P(SyncDeathTest, condition_gives_the_notification_of_one_killed_before_it_woke_to_another) {
  Condition condition;
  Process other = started_waiting(condition);  // first: it watches, and so is notified last
  Process victim = started_waiting(condition);
  ::kill(*victim.pid(), SIGSTOP);
  condition.lock();
  condition.notify();
  condition.unlock();
  die_by_kill(victim);
  ends_with(other, 0);
}

TEST_P(SyncDeathTest,
       condition_gives_the_notification_of_one_killed_before_it_returned_to_another) {
  const RLock lock;
  Condition condition(lock);
  Process other = started_waiting(condition);
  Process victim = started_waiting(condition);
  condition.lock();
  condition.notify();
  EXPECT_TRUE(happens([&] { return lock.waiters().size() == 1; }));
  die_by_kill(victim);
  condition.unlock();
  ends_with(other, 0);
}

TEST_P(SyncDeathTest, condition_is_taken_from_one_killed_with_its_lock) {
  Condition condition;
  Process owner = started(acquire_and_die<Condition>, condition);
  ends_with(owner, -SIGKILL);
  EXPECT_TRUE(condition.acquire().owner_died());
  EXPECT_NO_THROW(condition.notify_all());
}

void notify_and_die(Condition condition) {
  happens([&] { return condition.waiting() == 1; });
  condition.lock();
  condition.notify();
  ::raise(SIGKILL);
}

template <class AnyLock>
void guard_leaves_to_the_dead() {
  AnyLock lock({.on_owner_death = shoal::OnOwnerDeath::kThrow});
  Condition condition(lock);
  Process owner = started(notify_and_die, condition);
  try {
    const std::scoped_lock guard(lock);
    condition.wait_for(kDeadline);
    ADD_FAILURE() << "came back";
  } catch (const shoal::OwnerDied& error) {
    EXPECT_EQ(error.pid(), owner.pid());
  }
  ends_with(owner, -SIGKILL);
  EXPECT_THROW(static_cast<void>(lock.try_acquire()), shoal::OwnerDied) << "untouched";
  lock.release();
  {
    const std::scoped_lock guard(condition);
    EXPECT_TRUE(lock.locked());
  }
  EXPECT_FALSE(lock.locked());
}

TEST_P(SyncDeathTest, guard_around_a_wait_that_lost_the_lock_leaves_it_to_the_dead) {
  guard_leaves_to_the_dead<Lock>();
}
TEST_P(SyncDeathTest, guard_around_a_wait_that_lost_the_rlock_leaves_it_to_the_dead) {
  guard_leaves_to_the_dead<RLock>();
}

// ---------------------------------------------------------------- Barrier

void wait_at(Barrier barrier, const Board& board) {
  try {
    const std::size_t index = barrier.wait_for(kDeadline);
    board.note("passed", std::to_string(index));
  } catch (const shoal::BrokenBarrier& error) {
    board.note("broken", error.what());
  }
}

[[nodiscard]] Process started_waiting(Barrier& barrier, const Board& board) {
  const std::size_t before = barrier.waiting();
  Process process = started(wait_at, barrier, board);
  EXPECT_TRUE(happens([&] { return barrier.waiting() == before + 1; }));
  return process;
}

TEST_P(SyncDeathTest, barrier_breaks_when_a_party_dies_and_names_it) {
  const Board board = Board::make();
  Barrier barrier(3);
  Process victim = started_waiting(barrier, board);
  Process other = started_waiting(barrier, board);
  die_by_kill(victim);
  ends_with(other, 0);
  const std::string said = board.read("broken");
  EXPECT_NE(said.find("process " + std::to_string(*victim.pid()) + " died"), std::string::npos)
      << said;
  EXPECT_THROW(barrier.wait(), shoal::BrokenBarrier);
  barrier.reset();
  Process again = started_waiting(barrier, board);
  Process more = started_waiting(barrier, board);
  EXPECT_EQ(barrier.wait(), 2U);
  ends_with(again, 0);
  ends_with(more, 0);
}

TEST_P(SyncDeathTest, barrier_breaks_for_the_last_party_where_the_only_other_has_died) {
  const Board board = Board::make();
  Barrier barrier(2);
  Process victim = started_waiting(barrier, board);
  const auto came = barrier.waiters().at(0).since;
  die_by_kill(victim);
  // Who has come within 20 ms is not looked at.
  const auto late = came + std::chrono::milliseconds(50);
  EXPECT_TRUE(happens([&] { return std::chrono::steady_clock::now() > late; }));
  EXPECT_THROW(barrier.wait_for(kDeadline), shoal::BrokenBarrier);
  EXPECT_TRUE(barrier.broken());
}

TEST_P(SyncDeathTest, barrier_that_shrinks_goes_on_without_the_dead) {
  const Board board = Board::make();
  Barrier barrier({.parties = 3, .on_party_death = shoal::OnPartyDeath::kShrink});
  Process victim = started_waiting(barrier, board);
  Process other = started_waiting(barrier, board);
  die_by_kill(victim);
  EXPECT_TRUE(happens([&] { return barrier.parties() == 2; }));
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.wait_for(kDeadline), 1U);
  ends_with(other, 0);
  EXPECT_EQ(board.read("passed"), "0") << "not that of the dead";
  Process another = started_waiting(barrier, board);
  EXPECT_EQ(barrier.wait_for(kDeadline), 1U) << "of two from now on";
  ends_with(another, 0);
}

TEST_P(SyncDeathTest, barrier_that_shrinks_lets_the_only_one_through_when_the_others_die) {
  const Board board = Board::make();
  Barrier barrier({.parties = 3, .on_party_death = shoal::OnPartyDeath::kShrink});
  Process victim = started_waiting(barrier, board);
  Process victim_too = started_waiting(barrier, board);
  die_by_kill(victim);
  die_by_kill(victim_too);
  const auto late = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
  EXPECT_TRUE(happens([&] { return std::chrono::steady_clock::now() > late; }));
  EXPECT_EQ(barrier.wait_for(kDeadline), 0U);
  EXPECT_EQ(barrier.parties(), 1U);
}

TEST(SyncDeathByForkTest, barrier_breaks_when_a_party_dies_in_its_action) {
  Barrier barrier({.parties = 2, .action = [] { ::raise(SIGKILL); }});
  auto waiting = std::async(std::launch::async, [&]() -> std::string {
    try {
      barrier.wait_for(kDeadline);
      return "passed";
    } catch (const shoal::BrokenBarrier& error) {
      return error.what();
    }
  });
  EXPECT_TRUE(happens([&] { return barrier.waiting() == 1; }));
  Process victim({.start_method = shoal::StartMethod::fork}, [&barrier] { barrier.wait(); });
  victim.start();
  const std::string said = waiting.get();
  EXPECT_NE(said.find("process " + std::to_string(*victim.pid()) + " died"), std::string::npos)
      << said;
  ends_with(victim, -SIGKILL);
}

}  // namespace
