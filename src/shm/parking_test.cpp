#include "shm/parking.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <new>
#include <shoal/error.hpp>
#include <shoal/wait.hpp>
#include <thread>
#include <vector>

#include "os/task.hpp"

namespace shoal::shm {
namespace {

using namespace std::chrono_literals;

constexpr Bounds kBounds{.watch = 2ms, .sleep = 20ms};
constexpr auto kNever = os::Deadline::never();
os::Deadline test_deadline() { return os::Deadline::after(10s); }

// In memory that children share.
struct Shared {
  ParkingWords words;
  std::atomic<int> value;
  std::atomic<int> asleep;
};
class ParkingTest : public testing::Test {
 protected:
  void TearDown() override { ::munmap(shared_, sizeof(Shared)); }

  Slept wait_for_value(os::Deadline deadline, const Bounds& bounds = kBounds) {
    Spin spin;
    const auto ready = [this] { return shared_->value.load() != 0; };
    return Parking(shared_->words).wait(bounds, deadline, spin, ready, ready);
  }

  template <class Body>
  static pid_t start_child(Body body) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    body();
    ::_exit(0);
  }

  template <class Event>
  static bool happens(Event event) {
    const auto end = os::Clock::now() + 10s;
    while (!event()) {
      if (os::Clock::now() > end) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

  Shared* shared_ = new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared{};
};

TEST_F(ParkingTest, returns_at_once_when_it_is_ready) {
  shared_->value = 1;
  EXPECT_EQ(wait_for_value(kNever), Slept::kReady);
  EXPECT_EQ(wait_for_value(os::Deadline::now()), Slept::kReady);
  EXPECT_FALSE(Parking(shared_->words).has_sleepers());
}

TEST_F(ParkingTest, gives_up_at_its_deadline) {
  EXPECT_EQ(wait_for_value(os::Deadline::now()), Slept::kTimedOut);
  EXPECT_EQ(wait_for_value(os::Deadline::after(1ms)), Slept::kTimedOut);
  EXPECT_EQ(wait_for_value(os::Deadline::after(50ms)), Slept::kTimedOut);
}

TEST_F(ParkingTest, wakes_the_one_that_sleeps) {
  std::thread sleeper([&] { EXPECT_NE(wait_for_value(test_deadline()), Slept::kTimedOut); });
  EXPECT_TRUE(happens([&] { return Parking(shared_->words).has_sleepers(); }));
  shared_->value = 1;
  Parking(shared_->words).notify();
  sleeper.join();
}

TEST_F(ParkingTest, wakes_all_that_sleep) {
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 8; ++i) {
    sleepers.emplace_back([&] { EXPECT_NE(wait_for_value(test_deadline()), Slept::kTimedOut); });
  }
  shared_->value = 1;
  Parking(shared_->words).notify_all();
  for (auto& sleeper : sleepers) sleeper.join();
}

TEST_F(ParkingTest, sees_a_change_that_nobody_told_of) {
  std::thread sleeper([&] { EXPECT_NE(wait_for_value(test_deadline()), Slept::kTimedOut); });
  EXPECT_TRUE(happens([&] { return Parking(shared_->words).has_sleepers(); }));
  shared_->value = 1;  // and its author died
  sleeper.join();
}

TEST_F(ParkingTest, asks_for_rescue_at_its_bound) {
  Spin spin;
  int asked = 0;
  const auto slept = Parking(shared_->words)
                         .wait(
                             kBounds, test_deadline(), spin, [] { return false; },
                             [&asked] { return ++asked == 3; });
  EXPECT_NE(slept, Slept::kTimedOut);
  EXPECT_EQ(asked, 3);
}

TEST_F(ParkingTest, wakes_a_sleeper_of_another_process) {
  const pid_t child = start_child([&] {
    if (wait_for_value(test_deadline()) == Slept::kTimedOut) ::_exit(1);
  });
  EXPECT_TRUE(happens([&] { return Parking(shared_->words).has_sleepers(); }));
  shared_->value = 1;
  Parking(shared_->words).notify();
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(ParkingTest, replaces_a_watcher_that_was_killed) {
  constexpr Bounds kOnlyWatch{.watch = 2ms, .sleep = 50ms};
  const pid_t watcher = start_child([&] { wait_for_value(kNever, kOnlyWatch); });
  EXPECT_TRUE(happens([&] { return os::pid_of(shared_->words.watcher.load()) == watcher; }));
  std::atomic<bool> done{false};
  std::thread other([&] {
    EXPECT_NE(wait_for_value(test_deadline(), kOnlyWatch), Slept::kTimedOut);
    done = true;
  });
  ::kill(watcher, SIGKILL);
  ::waitpid(watcher, nullptr, 0);
  EXPECT_TRUE(happens([&] { return os::pid_of(shared_->words.watcher.load()) == ::getpid(); }));
  shared_->value = 1;
  other.join();
  EXPECT_TRUE(done);
}

TEST_F(ParkingTest, gives_the_watch_up_when_it_leaves) {
  EXPECT_EQ(wait_for_value(os::Deadline::after(5ms)), Slept::kTimedOut);
  EXPECT_EQ(shared_->words.watcher.load(), 0U);
}

TEST_F(ParkingTest, loses_no_wake_up_among_many_threads) {
  constexpr int kTurns = 20'000;
  constexpr int kThreads = 3;
  constexpr Bounds kLong{.watch = 5s, .sleep = 5s};  // a lost wake-up costs the test's deadline
  std::atomic<int> turn{0};
  std::vector<std::thread> threads;
  for (int me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      Spin spin;
      for (int i = me; i < kTurns; i += kThreads) {
        const auto mine = [&] { return turn.load() == i; };
        while (!mine()) Parking(shared_->words).wait(kLong, test_deadline(), spin, mine, mine);
        turn = i + 1;
        Parking(shared_->words).notify_all();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(turn, kTurns);
}

TEST_F(ParkingTest, throws_interrupted_when_the_check_says_so_after_a_signal) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  set_interrupt_check([] { return true; });
  std::atomic<bool> interrupted{false};
  std::thread sleeper([&] {
    EXPECT_THROW(wait_for_value(kNever, {.watch = 1h, .sleep = 1h}), Interrupted);
    interrupted = true;
  });
  EXPECT_TRUE(happens([&] {
    if (!interrupted) ::pthread_kill(sleeper.native_handle(), SIGUSR1);
    return interrupted.load();
  }));
  sleeper.join();
  set_interrupt_check(nullptr);
  ::sigaction(SIGUSR1, &before, nullptr);
  EXPECT_EQ(shared_->words.watcher.load(), 0U);
}

TEST(Spin, doubles_when_it_paid_and_halves_when_it_did_not) {
  Spin spin;
  const auto start = spin.budget();
  spin.wasted();
  EXPECT_EQ(spin.budget(), start / 2);
  for (int i = 0; i < 20; ++i) spin.wasted();
  const auto least = spin.budget();
  EXPECT_GT(least, 0ns);
  for (int i = 0; i < 20; ++i) spin.paid();
  EXPECT_EQ(spin.budget(), 50us);
  EXPECT_LT(least, start);
}

}  // namespace
}  // namespace shoal::shm
