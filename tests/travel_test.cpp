// Handles that travel through queues to processes that run already.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <shoal/shoal.hpp>
#include <stdexcept>
#include <string>
#include <tuple>
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
using shoal::Queue;
using shoal::RLock;
using shoal::Semaphore;
using support::Board;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::started;

class TravelTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, TravelTest, support::kStartMethods, support::start_method_name);

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// One of each. The child does to each what the parent can see.
using Kit = std::tuple<Lock, RLock, Semaphore, BoundedSemaphore, Event, Condition, Barrier,
                       Queue<std::string>>;

void use_each(Queue<Kit> kits) {
  auto [lock, rlock, semaphore, bounded, event, condition, barrier, queue] = kits.get();
  lock.lock();
  rlock.lock();
  semaphore.acquire();
  bounded.acquire();
  event.set();
  queue.put("from the child");
  {
    const std::scoped_lock guard(condition);
    condition.notify_all();
  }
  if (barrier.wait_for(kDeadline) != 0) std::exit(1);
  rlock.unlock();
}

TEST_P(TravelTest, one_of_each_class_reaches_a_process_that_runs) {
  Queue<Kit> kits;
  Process process = started(use_each, kits);
  const Kit kit(Lock(), RLock(), Semaphore(3), BoundedSemaphore(2), Event(), Condition(),
                Barrier(2), Queue<std::string>(5));
  auto [lock, rlock, semaphore, bounded, event, condition, barrier, queue] = kit;
  condition.lock();
  kits.put(kit);
  EXPECT_TRUE(condition.wait_for(kDeadline));
  condition.unlock();
  EXPECT_TRUE(event.is_set());
  EXPECT_EQ(lock.owner(), process.pid());
  EXPECT_EQ(rlock.owner(), process.pid());
  EXPECT_EQ(semaphore.value(), 2U);
  EXPECT_EQ(bounded.value(), 1U);
  EXPECT_EQ(queue.get_for(kDeadline), "from the child");
  EXPECT_TRUE(happens([&] { return barrier.waiting() == 1; }));
  EXPECT_EQ(barrier.wait_for(kDeadline), 1U);
  ends_with(process, 0);
}

void send_and_end(Queue<Queue<std::string>> queues) {
  Queue<std::string> fresh;
  fresh.put("kept");
  queues.put(fresh);
}

TEST_P(TravelTest, a_handle_outlives_its_sender) {
  Queue<Queue<std::string>> queues;
  Process sender = started(send_and_end, queues);
  ends_with(sender, 0);
  const auto arrived = queues.try_get();
  ASSERT_TRUE(arrived);
  EXPECT_EQ(Queue<std::string>(*arrived).try_get(), "kept");
}

void pass_on(Queue<Queue<int>> from, Queue<Queue<int>> to, int count) {
  for (int i = 0; i < count; ++i) to.put(from.get());
}

TEST_P(TravelTest, many_arrive_in_order_and_leave_no_descriptor_behind) {
  constexpr int kCount = 400;  // more than there is room for on the way
  started(pass_on, Queue<Queue<int>>(), Queue<Queue<int>>(), 0).join();  // the server stays
  const std::size_t before = open_descriptors();
  {
    Queue<Queue<int>> there;
    Queue<Queue<int>> back;
    Process process = started(pass_on, there, back, kCount);
    int next = 0;
    const auto check = [&](const std::optional<Queue<int>>& arrived) {
      ASSERT_TRUE(arrived);
      EXPECT_EQ(Queue<int>(*arrived).try_get(), next++);
    };
    for (int i = 0; i < kCount; ++i) {
      Queue<int> fresh;
      fresh.put(i);
      while (!there.put_for(fresh, std::chrono::milliseconds(5))) check(back.get_for(kDeadline));
    }
    while (next < kCount) check(back.get_for(kDeadline));
    ends_with(process, 0);
    EXPECT_TRUE(there.empty());
    EXPECT_TRUE(back.empty());
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(TravelByForkTest, a_handle_keeps_its_identity) {
  Queue<std::pair<Lock, Lock>> queue;
  const Lock one;
  const Lock other;
  queue.put({one, other});
  const auto [first, second] = queue.get();
  EXPECT_EQ(first, one);
  EXPECT_EQ(second, other);
}

TEST(TravelByForkTest, a_condition_takes_its_lock_along) {
  Queue<std::pair<Condition, Lock>> queue;
  const Lock lock;
  queue.put({Condition(lock), lock});
  auto [condition, its] = queue.get();
  condition.lock();
  EXPECT_EQ(its.owner(), ::getpid());
  its.unlock();
  EXPECT_EQ(its, lock);
}

TEST(TravelByForkTest, what_is_full_of_handles_waits_and_loses_nothing) {
  Queue<Queue<int>> queue;
  std::size_t sent = 0;
  for (bool more = true; more; sent += more ? 1 : 0) {
    Queue<int> fresh;
    fresh.put(static_cast<int>(sent));
    more = queue.try_put(fresh);
  }
  EXPECT_GT(sent, 50U);
  EXPECT_EQ(queue.qsize(), sent);
  EXPECT_FALSE(queue.put_for(Queue<int>(), std::chrono::milliseconds(20)));
  for (std::size_t i = 0; i < sent; ++i) EXPECT_EQ(queue.get().try_get(), static_cast<int>(i));
  EXPECT_TRUE(queue.empty());
  EXPECT_TRUE(queue.try_put(Queue<int>()));
}

TEST(TravelByForkTest, what_cannot_travel_is_refused_and_nothing_is_put) {
  const std::string name = "test-travel-" + std::to_string(::getpid());
  Queue<Lock> named({.name = name});
  Queue<Lock>::unlink(name);
  EXPECT_THROW(static_cast<void>(named.try_put(Lock())), std::invalid_argument);
  EXPECT_TRUE(named.empty());

  const int descriptor = ::dup(Queue<Lock>().descriptor());
  Queue<Lock> bare = Queue<Lock>::attach(descriptor);
  EXPECT_THROW(static_cast<void>(bare.try_put(Lock())), std::invalid_argument);
  EXPECT_TRUE(bare.empty());

  Queue<std::vector<Queue<int>>> many;
  EXPECT_THROW(static_cast<void>(many.try_put(std::vector<Queue<int>>(90))), std::invalid_argument);
  EXPECT_TRUE(many.empty());

  Queue<Barrier> barriers;
  EXPECT_THROW(static_cast<void>(barriers.try_put(Barrier({.parties = 2, .action = [] {}}))),
               shoal::ProcessError);
  EXPECT_TRUE(barriers.empty());

  EXPECT_THROW(static_cast<void>(shoal::dumps(Lock())), shoal::ProcessError);
}

void take_until_killed(Queue<Queue<int>> queue, const Board& board) {
  for (;;) {
    static_cast<void>(queue.get());
    board.note("took");
  }
}

TEST_P(TravelTest, those_that_a_killed_process_did_not_take_go_to_others) {
  constexpr int kCount = 40;
  for (int round = 0; round < 5; ++round) {
    const Board board = Board::make();
    Queue<Queue<int>> queue;
    Process victim = started(take_until_killed, queue, board);
    int next = 0;
    const auto put_one = [&] {
      Queue<int> fresh;
      fresh.put(next++);
      queue.put(fresh);
    };
    put_one();
    EXPECT_TRUE(happens([&] { return board.has("took"); }));
    while (next < kCount) put_one();
    victim.kill();
    ends_with(victim, -SIGKILL);
    int last = -1;
    while (auto arrived = queue.try_get()) {
      const auto number = arrived->try_get();
      ASSERT_TRUE(number);
      EXPECT_EQ(*number, last < 0 ? *number : last + 1);
      last = *number;
    }
    EXPECT_TRUE(last == -1 || last == kCount - 1);
  }
}

}  // namespace
