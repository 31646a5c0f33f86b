#include "sync/seats.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <memory>
#include <shoal/error.hpp>
#include <thread>
#include <vector>

#include "os/task.hpp"
#include "support/waiting.hpp"

namespace shoal::sync {
namespace {

using namespace std::chrono_literals;
using State = Seats::State;
using support::happens;

// A table in memory that children share.
class SeatsTest : public testing::Test {
 protected:
  // Sits down in so many seats in a process that has died when this returns.
  void sit_and_die(std::size_t seats) {
    const pid_t child = start_sitting(seats);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  // In one that lives until it is killed.
  pid_t start_sitting(std::size_t seats) {
    const std::size_t before = seats_.waiting();
    const pid_t child = ::fork();
    if (child == 0) {
      for (std::size_t i = 0; i < seats; ++i) seats_.sit();
      for (;;) ::pause();
    }
    EXPECT_TRUE(happens([&] { return seats_.waiting() == before + seats; }));
    return child;
  }
  // As the watcher does, whatever its bound.
  void look_as_watcher() {
    words_.parking.watcher = os::self();
    seats_.look_after_called();
    words_.parking.watcher = 0;
  }
  State wait(std::size_t seat, os::Deadline deadline, const std::stop_token* stop = nullptr) {
    shm::Spin spin;
    seats_.wait(seat, deadline, spin, stop, [] { return false; });
    return seats_.state(seat);
  }

  std::shared_ptr<shm::Segment> segment_ = shm::Segment::create(
      shm::Kind::kSlab, "", shm::kHeaderRoom + sizeof(shm::SeatsWords), [](std::byte*) {});
  shm::SeatsWords& words_ = segment_->content<shm::SeatsWords>();
  Seats seats_{words_, *segment_};
};

TEST_F(SeatsTest, are_taken_from_the_first_that_is_free) {
  EXPECT_EQ(seats_.sit(), 0U);
  EXPECT_EQ(seats_.sit(), 1U);
  EXPECT_EQ(seats_.sit(), 2U);
  EXPECT_EQ(seats_.leave(1), State::kWaits);
  EXPECT_EQ(seats_.waiting(), 2U);
  EXPECT_EQ(seats_.sit(), 1U);
  EXPECT_EQ(seats_.waiting(), 3U);
}

TEST_F(SeatsTest, are_refused_where_all_are_taken) {
  for (std::size_t i = 0; i < shm::kSeats; ++i) EXPECT_EQ(seats_.sit(), i);
  EXPECT_THROW(seats_.sit(), OutOfMemory);
  EXPECT_EQ(seats_.waiting(), shm::kSeats);
  seats_.leave(77);
  EXPECT_EQ(seats_.sit(), 77U);
}

TEST_F(SeatsTest, of_the_dead_are_taken_where_no_other_is_free) {
  sit_and_die(shm::kSeats);
  const std::size_t seat = seats_.sit();
  EXPECT_EQ(seats_.state(seat), State::kWaits);
  EXPECT_EQ(seats_.waiters().size(), 1U) << "the dead are not shown";
}

TEST_F(SeatsTest, are_called_in_the_order_of_coming) {
  for (int i = 0; i < 3; ++i) seats_.sit();
  seats_.leave(0);
  EXPECT_EQ(seats_.sit(), 0U);  // the last to come now
  seats_.call(1);
  EXPECT_EQ(seats_.state(1), State::kCalled);
  EXPECT_EQ(seats_.waiting(), 2U);
  seats_.call(1);
  EXPECT_EQ(seats_.state(2), State::kCalled);
  EXPECT_EQ(seats_.state(0), State::kWaits);
  EXPECT_EQ(seats_.leave(1), State::kCalled);
  EXPECT_EQ(seats_.leave(0), State::kWaits);
}

TEST_F(SeatsTest, are_all_called_where_there_are_no_more_than_that) {
  seats_.call(5);
  EXPECT_EQ(seats_.sit(), 0U);
  EXPECT_EQ(seats_.state(0), State::kWaits) << "came after the call";
  seats_.sit();
  seats_.call(std::numeric_limits<std::size_t>::max());
  EXPECT_EQ(seats_.count(State::kCalled), 2U);
  EXPECT_EQ(seats_.waiting(), 0U);
}

TEST_F(SeatsTest, of_the_watcher_are_called_last) {
  seats_.sit();
  const pid_t other = start_sitting(1);
  words_.parking.watcher = os::self();
  seats_.call(1);
  EXPECT_EQ(seats_.state(0), State::kWaits);
  EXPECT_EQ(seats_.state(1), State::kCalled);
  words_.parking.watcher = 0;
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
}

TEST_F(SeatsTest, are_marked_up_to_a_ticket) {
  seats_.sit();
  seats_.sit();
  const auto end = seats_.next_ticket();
  seats_.sit();
  seats_.mark_all(State::kTurnedAway, end);
  EXPECT_EQ(seats_.count(State::kTurnedAway), 2U);
  EXPECT_EQ(seats_.state(2), State::kWaits);
}

TEST_F(SeatsTest, end_the_sleep_of_who_is_called) {
  std::vector<std::thread> threads;
  std::atomic<int> called{0};
  for (int i = 0; i < 40; ++i) {  // more than there are classes of numbers
    threads.emplace_back([&] {
      const std::size_t seat = seats_.sit();
      wait(seat, os::Deadline::after(10s));
      called += seats_.leave(seat) == State::kCalled ? 1 : 0;
    });
  }
  EXPECT_TRUE(happens([&] { return seats_.waiting() == 40; }));
  seats_.call(1);
  EXPECT_TRUE(happens([&] { return called == 1; }));
  EXPECT_EQ(seats_.waiting(), 39U);
  seats_.call(20);
  EXPECT_TRUE(happens([&] { return called == 21; }));
  EXPECT_EQ(seats_.waiting(), 19U);
  seats_.call(19);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(called, 40);
}

TEST_F(SeatsTest, are_slept_in_until_the_deadline_or_a_stop) {
  const std::size_t seat = seats_.sit();
  EXPECT_EQ(wait(seat, os::Deadline::after(2ms)), State::kWaits);
  EXPECT_EQ(wait(seat, os::Deadline::now()), State::kWaits);
  std::stop_source stop;
  std::thread stopper([&] {
    EXPECT_TRUE(happens([&] { return words_.parking.sleepers != 0; }));
    stop.request_stop();
  });
  const std::stop_token token = stop.get_token();
  EXPECT_EQ(wait(seat, os::Deadline::after(10s), &token), State::kWaits);
  EXPECT_TRUE(token.stop_requested());
  stopper.join();
}

TEST_F(SeatsTest, say_who_sits_there) {
  seats_.sit();
  const auto other = static_cast<int>(start_sitting(1));
  const Waiters waiters = seats_.waiters();
  ASSERT_EQ(waiters.size(), 2U);
  EXPECT_EQ(waiters[0].pid, ::getpid());
  EXPECT_EQ(waiters[0].thread, ::gettid());
  EXPECT_EQ(waiters[1].pid, other);
  ::kill(other, SIGKILL);
  ::waitpid(other, nullptr, 0);
}

// ---------------------------------------------------------------- calls in vain

TEST_F(SeatsTest, pass_the_call_of_the_dead_to_another_who_sat_there_then) {
  sit_and_die(1);
  seats_.sit();
  seats_.call(1);
  EXPECT_EQ(seats_.state(0), State::kCalled);
  EXPECT_EQ(seats_.sit(), 2U);  // came too late for that call
  look_as_watcher();
  EXPECT_EQ(seats_.state(0), State::kNone);
  EXPECT_EQ(seats_.state(1), State::kCalled);
  EXPECT_EQ(seats_.state(2), State::kWaits);
  look_as_watcher();
  EXPECT_EQ(seats_.state(2), State::kWaits) << "passed on once";
}

TEST_F(SeatsTest, drop_the_call_of_the_dead_where_nobody_sat_there_then) {
  sit_and_die(1);
  seats_.call(1);
  EXPECT_EQ(seats_.sit(), 1U);
  look_as_watcher();
  EXPECT_EQ(seats_.state(1), State::kWaits);
  EXPECT_EQ(seats_.sit(), 0U) << "free again";
}

TEST_F(SeatsTest, pass_a_call_by_the_dead_over) {
  sit_and_die(2);
  seats_.sit();
  seats_.call(1);
  look_as_watcher();
  EXPECT_EQ(seats_.state(1), State::kWaits) << "it is dead too";
  EXPECT_EQ(seats_.state(2), State::kCalled);
}

TEST_F(SeatsTest, pass_the_call_of_one_that_leaves_in_vain_to_another) {
  for (int i = 0; i < 3; ++i) seats_.sit();
  seats_.call(1);
  seats_.leave_uncalled(0);
  EXPECT_EQ(seats_.state(1), State::kCalled);
  seats_.leave_uncalled(2);
  EXPECT_EQ(seats_.count(State::kCalled), 1U) << "had none to pass on";
  EXPECT_EQ(seats_.waiting(), 0U);
}

TEST_F(SeatsTest, are_looked_after_by_the_watcher_only) {
  sit_and_die(1);
  seats_.sit();
  seats_.call(1);
  seats_.look_after_called();
  EXPECT_EQ(seats_.state(0), State::kCalled);
  EXPECT_EQ(seats_.state(1), State::kWaits);
}

TEST_F(SeatsTest, tell_of_the_dead_who_wait) {
  seats_.sit();
  EXPECT_EQ(seats_.find_dead(0ns).process, 0U);
  sit_and_die(1);
  EXPECT_EQ(seats_.find_dead(1h).process, 0U) << "came too lately";
  const auto dead = seats_.find_dead(0ns);
  EXPECT_NE(dead.process, 0U);
  EXPECT_EQ(dead.seat, 1U);
  seats_.free_dead(0, dead.process);
  EXPECT_EQ(seats_.waiting(), 2U) << "another sits there";
  seats_.free_dead(1, dead.process);
  EXPECT_EQ(seats_.waiting(), 1U);
  EXPECT_EQ(seats_.find_dead(0ns).process, 0U);
}

}  // namespace
}  // namespace shoal::sync
