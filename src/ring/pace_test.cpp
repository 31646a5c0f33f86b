#include "ring/pace.hpp"

#include <gtest/gtest.h>

namespace shoal::ring {
namespace {

// A queue as its consumer sees it: whether there is something at each look, and how much.
struct Looks {
  int looks = 0;
  bool there = true;
  bool more = true;

  bool at(Pace& pace) {
    looks = 0;
    return pace.let_some_come([this] { return ++looks, there; }, [this] { return more; });
  }
};

TEST(Pace, stays_behind_producers_who_are_quick) {
  if (!os::can_spin()) GTEST_SKIP() << "one core";
  Pace pace;
  Looks queue;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.at(pace));
  EXPECT_FALSE(pace.is_behind()) << "that may have been chance";
  EXPECT_TRUE(queue.at(pace));
  EXPECT_TRUE(pace.is_behind());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(queue.at(pace));
  EXPECT_TRUE(pace.is_behind()) << "as there is always more than one";
}

TEST(Pace, gives_up_where_that_brings_no_more_and_tries_it_seldom) {
  if (!os::can_spin()) GTEST_SKIP() << "one core";
  Pace pace;
  Looks answers{.more = false};
  int waits = 0;
  for (int i = 0; i < 10'000; ++i) {
    waits += pace.is_behind() ? 1 : 0;
    EXPECT_TRUE(answers.at(pace));
  }
  EXPECT_GE(waits, 5);
  EXPECT_LE(waits, 15) << "as many as doubling gives";
}

TEST(Pace, does_not_wait_where_nothing_comes) {
  Pace pace;
  Looks queue{.there = false};
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(queue.at(pace));
    EXPECT_LE(queue.looks, 2);
    EXPECT_FALSE(pace.is_behind());
  }
  queue.there = true;
  for (int i = 0; i < 10; ++i) queue.at(pace);
  queue.there = false;
  EXPECT_FALSE(queue.at(pace));
  EXPECT_FALSE(pace.is_behind()) << "the stream has ended";
}

}  // namespace
}  // namespace shoal::ring
