// The contract of barriers inside one process.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <shoal/barrier.hpp>
#include <shoal/error.hpp>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Barrier;
using shoal::BrokenBarrier;
using support::happens;
using support::kDeadline;

/// A thread that waits at a barrier, and what came of it.
class Party {
 public:
  explicit Party(Barrier& barrier)
      : thread_([this, &barrier] {
          try {
            index_ = barrier.wait_for(kDeadline);
          } catch (const BrokenBarrier& error) {
            broken_ = error.what();
          }
        }) {}
  Party(const Party&) = delete;
  Party& operator=(const Party&) = delete;
  ~Party() { join(); }

  /// nullopt where the barrier was broken.
  std::optional<std::size_t> index() {
    join();
    return index_;
  }
  /// What BrokenBarrier said; empty where it was not broken.
  std::string broken() {
    join();
    return broken_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  std::optional<std::size_t> index_;
  std::string broken_;
  std::thread thread_;
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
bool comes_to_wait(const Barrier& barrier, std::size_t parties) {
  return happens([&] { return barrier.waiting() == parties; });
}

TEST(BarrierTest, refuses_a_number_of_parties_that_will_not_do) {
  for (const std::ptrdiff_t parties : {0, -1, 401, 1 << 30}) {
    EXPECT_THROW(Barrier{parties}, std::invalid_argument) << parties;
  }
  EXPECT_EQ(Barrier(400).parties(), 400U);
}

TEST(BarrierTest, of_one_party_lets_it_through) {
  Barrier barrier(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(barrier.wait(), 0U);
  EXPECT_EQ(barrier.wait_for(0s), 0U);
  EXPECT_EQ(barrier.wait(std::stop_token()), 0U);
  EXPECT_EQ(barrier.waiting(), 0U);
}

TEST(BarrierTest, lets_nobody_through_before_all_have_come) {
  Barrier barrier(3);
  Party first(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  Party second(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 2));
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.wait(), 2U);
  EXPECT_EQ(first.index(), 0U);
  EXPECT_EQ(second.index(), 1U);
  EXPECT_EQ(barrier.waiting(), 0U);
}

TEST(BarrierTest, gives_each_party_an_index_of_its_own_in_every_round) {
  constexpr std::size_t kParties = 4;
  constexpr std::size_t kRounds = 1000;
  Barrier barrier(kParties);
  std::vector<std::atomic<unsigned>> seen(kRounds);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kParties; ++i) {
    threads.emplace_back([&] {
      for (auto& round : seen) {
        round |= 1U << barrier.wait_for(kDeadline);
        barrier.wait_for(kDeadline);
        EXPECT_EQ(round, 15U) << "all have come";
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(BarrierTest, of_400_parties_lets_all_through) {
  Barrier barrier(400);
  std::vector<std::atomic<int>> seen(400);
  std::vector<std::thread> threads;
  for (int i = 0; i < 400; ++i) {
    threads.emplace_back([&] { ++seen[barrier.wait_for(kDeadline * 3)]; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](const auto& times) { return times == 1; }));
}

// ---------------------------------------------------------------- the action

TEST(BarrierTest, runs_its_action_once_a_round_before_the_others_go_on) {
  std::atomic<int> runs{0};
  Barrier barrier({.parties = 3, .action = [&] { ++runs; }});
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 1; round <= 200; ++round) {
        barrier.wait_for(kDeadline);
        EXPECT_EQ(runs, round);
        barrier.wait_for(kDeadline);
        EXPECT_EQ(runs, ++round);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(runs, 200);
}

TEST(BarrierTest, runs_its_action_with_no_lock_held) {
  std::optional<Barrier> barrier;
  bool ran = false;
  barrier.emplace(shoal::BarrierOptions{.parties = 1, .action = [&] {
                                          ran = !barrier->broken() && barrier->waiting() == 0 &&
                                                barrier->waiters().empty();
                                        }});
  EXPECT_EQ(barrier->wait(), 0U);
  EXPECT_TRUE(ran);
}

TEST(BarrierTest, breaks_when_its_action_throws) {
  Barrier barrier({.parties = 2, .action = [] { throw std::runtime_error("no"); }});
  Party other(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  EXPECT_THROW(barrier.wait(), std::runtime_error);
  EXPECT_TRUE(contains(other.broken(), "action raised")) << other.broken();
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), BrokenBarrier);
}

TEST(BarrierTest, may_be_reset_or_aborted_by_its_action) {
  for (const bool abort : {false, true}) {
    std::optional<Barrier> barrier;
    const auto action = [&] { abort ? barrier->abort() : barrier->reset(); };
    barrier.emplace(shoal::BarrierOptions{.parties = 2, .action = action});
    Party other(*barrier);
    EXPECT_TRUE(comes_to_wait(*barrier, 1));
    EXPECT_THROW(barrier->wait(), BrokenBarrier);
    EXPECT_NE(other.broken(), "");
    EXPECT_EQ(barrier->broken(), abort);
  }
}

TEST(BarrierTest, lets_who_comes_during_the_action_into_the_next_round) {
  std::atomic<bool> acts{false};
  std::atomic<bool> goes_on{false};
  Barrier barrier({.parties = 2, .action = [&] {
                     acts = true;
                     happens([&] { return goes_on.load(); });
                   }});
  Party first(barrier);
  Party second(barrier);
  EXPECT_TRUE(happens([&] { return acts.load(); }));
  Party third(barrier);
  EXPECT_TRUE(happens([&] { return barrier.waiters().size() >= 1; }));
  goes_on = true;
  EXPECT_EQ(*first.index() + *second.index(), 1U);
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  EXPECT_EQ(barrier.wait(), 1U);
  EXPECT_EQ(third.index(), 0U);
}

// ---------------------------------------------------------------- broken and mended

TEST(BarrierTest, breaks_for_all_when_a_party_waits_no_longer) {
  Barrier barrier(3);
  Party other(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  EXPECT_THROW(barrier.wait_for(2ms), BrokenBarrier);
  EXPECT_TRUE(contains(other.broken(), "did not wait long enough")) << other.broken();
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(barrier.waiting(), 0U);
  EXPECT_THROW(barrier.wait(), BrokenBarrier);
}

TEST(BarrierTest, breaks_at_once_where_a_party_does_not_wait_at_all) {
  for (const auto timeout : {0s, -1s}) {
    Barrier barrier(2);
    EXPECT_THROW(barrier.wait_for(timeout), BrokenBarrier);
    EXPECT_TRUE(barrier.broken());
  }
}

TEST(BarrierTest, may_have_a_timeout_of_its_own) {
  Barrier barrier({.parties = 2, .timeout = 2ms});
  EXPECT_EQ(barrier.timeout(), 2ms);
  EXPECT_THROW(barrier.wait(), BrokenBarrier);
  barrier.reset();
  Party other(barrier);  // which brings its own
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  EXPECT_EQ(barrier.wait(), 1U);
}

TEST(BarrierTest, breaks_when_a_stop_is_asked_for) {
  Barrier barrier(3);
  Party other(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  std::stop_source stop;
  std::thread stopped([&] { EXPECT_THROW(barrier.wait(stop.get_token()), BrokenBarrier); });
  EXPECT_TRUE(comes_to_wait(barrier, 2));
  stop.request_stop();
  stopped.join();
  EXPECT_NE(other.broken(), "");
  EXPECT_TRUE(barrier.broken());
}

TEST(BarrierTest, breaks_when_it_is_aborted_until_it_is_reset) {
  Barrier barrier(2);
  Party other(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  barrier.abort();
  EXPECT_TRUE(contains(other.broken(), "aborted")) << other.broken();
  EXPECT_TRUE(barrier.broken());
  EXPECT_THROW(barrier.wait(), BrokenBarrier);
  barrier.reset();
  EXPECT_FALSE(barrier.broken());
  Party again(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  EXPECT_EQ(barrier.wait(), 1U);
}

TEST(BarrierTest, turns_those_who_wait_away_when_it_is_reset) {
  Barrier barrier(3);
  Party first(barrier);
  Party second(barrier);
  EXPECT_TRUE(comes_to_wait(barrier, 2));
  barrier.reset();
  EXPECT_TRUE(contains(first.broken(), "was reset")) << first.broken();
  EXPECT_NE(second.broken(), "");
  EXPECT_FALSE(barrier.broken());
  EXPECT_EQ(barrier.waiting(), 0U);
}

TEST(BarrierTest, says_who_waits) {
  Barrier barrier(2);
  const auto start = std::chrono::steady_clock::now();
  std::atomic<int> thread{0};
  std::thread waiting([&] {
    thread = ::gettid();
    barrier.wait_for(kDeadline);
  });
  EXPECT_TRUE(comes_to_wait(barrier, 1));
  const shoal::Waiters waiters = barrier.waiters();
  ASSERT_EQ(waiters.size(), 1U);
  EXPECT_EQ(waiters[0].pid, ::getpid());
  EXPECT_EQ(waiters[0].thread, thread);
  EXPECT_GE(waiters[0].since, start - 20ms);
  barrier.wait();
  waiting.join();
  EXPECT_TRUE(barrier.waiters().empty());
}

TEST(BarrierTest, is_one_in_all_its_handles) {
  const Barrier barrier(2);
  Barrier copy = barrier;
  EXPECT_TRUE(copy == barrier);
  EXPECT_FALSE(copy == Barrier(2));
  copy.abort();
  EXPECT_TRUE(barrier.broken());
  EXPECT_EQ(copy.name(), "");
}

}  // namespace
