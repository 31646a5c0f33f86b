// Waiting for items without taking them: by a descriptor, and by wait_readable.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <optional>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <vector>

#include "support/board.hpp"
#include "support/children.hpp"
#include "support/process_facts.hpp"
#include "support/readable.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Process;
using shoal::Queue;
using support::Board;
using support::die_by_kill;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::readable;
using support::started;
using support::Subject;

class QueueReadable : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Each, QueueReadable, testing::Bool(),
                         [](const auto& test) { return test.param ? "named" : "nameless"; });

TEST_P(QueueReadable, is_so_exactly_while_something_can_be_taken) {
  Subject<std::string> subject(GetParam());
  auto& queue = *subject;
  const int fd = queue.fileno();
  EXPECT_EQ(queue.fileno(), fd) << "the same each time";
  for (int round = 0; round < 300; ++round) {
    EXPECT_FALSE(readable(fd));
    queue.put("first");
    EXPECT_TRUE(readable(fd));
    queue.put(std::string(100'000, 'x'));
    static_cast<void>(queue.get());
    EXPECT_TRUE(readable(fd)) << "one is left";
    static_cast<void>(queue.get());
    EXPECT_FALSE(readable(fd));
    EXPECT_EQ(queue.try_get(), std::nullopt);
  }
}

TEST_P(QueueReadable, holds_for_batches) {
  Subject<int> subject(GetParam());
  auto& queue = *subject;
  const int fd = queue.fileno();
  queue.put_many(std::vector<int>(1000, 7));
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(queue.get_many(999).size(), 999U);
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(queue.get_many(999).size(), 1U);
  EXPECT_FALSE(readable(fd));
}

TEST_P(QueueReadable, is_so_at_once_where_something_is_there) {
  Subject<int> subject(GetParam());
  auto& queue = *subject;
  queue.put(1);
  EXPECT_TRUE(readable(queue.fileno()));
  EXPECT_EQ(queue.get(), 1);
  EXPECT_FALSE(readable(queue.fileno()));
}

TEST(QueueReadableTest, does_not_mix_with_handles_on_their_way) {
  Queue<Queue<int>> queue;
  const int fd = queue.fileno();
  const Queue<int> item;
  for (int round = 0; round < 100; ++round) {
    queue.put(item);
    queue.put(item);
    EXPECT_TRUE(readable(fd));
    EXPECT_TRUE(queue.get() == item);
    EXPECT_TRUE(readable(fd));
    EXPECT_TRUE(queue.get() == item);
    EXPECT_FALSE(readable(fd));
  }
}

TEST_P(QueueReadable, stays_so_after_shutdown) {
  for (const bool immediate : {false, true}) {
    Subject<int> first(GetParam());
    Subject<int> second(GetParam());
    auto& before = *first;
    const int fd = before.fileno();
    before.shutdown(immediate);
    EXPECT_TRUE(readable(fd));
    EXPECT_THROW(static_cast<void>(before.try_get()), shoal::ShutDown);
    EXPECT_TRUE(readable(fd));
    auto& after = *second;
    after.put(1);
    after.shutdown(immediate);
    EXPECT_TRUE(readable(after.fileno()));
    EXPECT_EQ(after.qsize(), immediate ? 0U : 1U);
    if (!immediate) static_cast<void>(after.get());
    EXPECT_THROW(static_cast<void>(after.get()), shoal::ShutDown);
    EXPECT_TRUE(readable(after.fileno()));
  }
}

// Whatever it is, it is a look.
TEST_P(QueueReadable, ends_for_who_asks_how_many_there_are) {
  for (const bool by_size : {false, true}) {
    Subject<int> subject(GetParam());
    auto& queue = *subject;
    const int fd = queue.fileno();
    const auto none = [&] { return by_size ? queue.qsize() == 0 : queue.empty(); };
    EXPECT_TRUE(none());
    queue.put(1);
    EXPECT_FALSE(none());
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(queue.get(), 1);
    EXPECT_TRUE(none());
    EXPECT_FALSE(readable(fd));
    queue.put(2);
    queue.shutdown();
    EXPECT_EQ(queue.get(), 2);
    EXPECT_TRUE(none());
    EXPECT_TRUE(readable(fd));
  }
}

TEST(QueueReadableTest, wait_returns_at_once_where_get_would) {
  Queue<int> queue;
  EXPECT_FALSE(queue.wait_readable_for(0s));
  EXPECT_FALSE(queue.wait_readable_for(5ms));
  queue.put(1);
  queue.wait_readable();
  EXPECT_TRUE(queue.wait_readable_for(-1s));
  EXPECT_EQ(queue.qsize(), 1U) << "nothing is taken";
  EXPECT_EQ(queue.get(), 1);
  queue.shutdown();
  queue.wait_readable();
  EXPECT_TRUE(queue.wait_readable_for(0s));
}

class QueueReadableProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueReadableProcess, support::kStartMethods,
                         support::start_method_name);

constexpr std::array kNamedOrNot{false, true};

void put_one(Queue<int> queue) { queue.put(1); }
void get_one(Queue<int> queue) { static_cast<void>(queue.get()); }
void shut_down(Queue<int> queue) { queue.shutdown(); }

TEST_P(QueueReadableProcess, sees_what_others_do) {
  for (const bool named : kNamedOrNot) {
    Subject<int> subject(named);
    auto& queue = *subject;
    const int fd = queue.fileno();
    Process puts = started(put_one, queue);
    EXPECT_TRUE(readable(fd, kDeadline));
    ends_with(puts, 0);
    Process gets = started(get_one, queue);
    ends_with(gets, 0);
    if (named) {
      EXPECT_TRUE(queue.empty()) << "each process has to look for itself";
    }
    EXPECT_FALSE(readable(fd));
    Process shuts = started(shut_down, queue);
    EXPECT_TRUE(readable(fd, kDeadline));
    ends_with(shuts, 0);
    EXPECT_TRUE(readable(fd));
  }
}

void poll_and_answer(Queue<int> from, Queue<int> to) {
  const int fd = from.fileno();
  for (int item = 0; item >= 0;) {
    if (!readable(fd, kDeadline)) std::exit(1);
    while (const auto next = from.try_get()) to.put(item = *next);
  }
}

TEST_P(QueueReadableProcess, is_asked_for_by_another_process) {
  for (const bool named : kNamedOrNot) {
    Subject<int> there(named);
    Queue<int> back;
    Process process = started(poll_and_answer, *there, back);
    for (const int item : {1, 2, 3, 4, -1}) {
      (*there).put(item);
      EXPECT_EQ(back.get_for(kDeadline), item);
    }
    ends_with(process, 0);
    EXPECT_FALSE(readable((*there).fileno()));
  }
}

void put_numbers(Queue<int> queue, int count) {
  for (int i = 0; i < count; ++i) queue.put(i);
}

// Producers and consumers get in each other's way all the time.
TEST_P(QueueReadableProcess, ends_with_the_last_item_in_traffic) {
  for (const bool named : kNamedOrNot) {
    Subject<int> subject(named);
    auto& queue = *subject;
    const int fd = queue.fileno();
    for (int round = 0; round < 3; ++round) {
      Process one = started(put_numbers, queue, 5000);
      Process other = started(put_numbers, queue, 5000);
      for (int i = 0; i < 10'000; ++i) {
        while (!queue.try_get()) ASSERT_TRUE(readable(fd, kDeadline));
      }
      ends_with(one, 0);
      ends_with(other, 0);
      EXPECT_FALSE(readable(fd));
    }
  }
}

void put_for_ever(Queue<int> queue) {
  for (;;) queue.put(1);
}

TEST_P(QueueReadableProcess, misses_nothing_of_killed_producers) {
  for (const bool named : kNamedOrNot) {
    Subject<int> subject(named, 3);
    auto& queue = *subject;
    const int fd = queue.fileno();
    for (int round = 0; round < 10; ++round) {
      Process process = started(put_for_ever, queue);
      for (int i = 0; i < 500 + round; ++i) {
        ASSERT_TRUE(readable(fd, kDeadline));
        static_cast<void>(queue.try_get());
      }
      die_by_kill(process);
      while (!queue.empty()) {
        EXPECT_TRUE(readable(fd));
        EXPECT_TRUE(queue.try_get());
      }
      EXPECT_EQ(queue.try_get(), std::nullopt);
      EXPECT_FALSE(readable(fd)) << "after a look at most";
    }
  }
}

void wait_and_note(const Board& board, Queue<int> queue, const std::string& name) {
  board.note(name + " waits");
  queue.wait_readable();
  board.note(name);
}

TEST_P(QueueReadableProcess, wait_leaves_its_wake_up_to_those_who_get) {
  const Board board = Board::make();
  Queue<int> queue;
  std::vector<Process> all;
  for (const std::string name : {"first", "second"}) {
    all.push_back(started(wait_and_note, board, queue, name));
    EXPECT_TRUE(board.waits_for(name + " waits"));
  }
  all.push_back(started(get_one, queue));
  queue.put(1);
  EXPECT_TRUE(happens([&] { return queue.empty(); }));
  ends_with(all.back(), 0);
  queue.put(2);
  EXPECT_TRUE(board.waits_for("first"));
  EXPECT_TRUE(board.waits_for("second"));
  for (auto& process : all) ends_with(process, 0);
  EXPECT_EQ(queue.try_get(), 2);
}

TEST_P(QueueReadableProcess, wait_ends_by_shutdown) {
  const Board board = Board::make();
  Queue<int> queue;
  Process process = started(wait_and_note, board, queue, "it");
  EXPECT_TRUE(board.waits_for("it waits"));
  queue.shutdown();
  EXPECT_TRUE(board.waits_for("it"));
  ends_with(process, 0);
}

TEST_P(QueueReadableProcess, wait_of_the_killed_swallows_nothing) {
  const Board board = Board::make();
  Queue<int> queue;
  Process victim = started(wait_and_note, board, queue, "victim");
  EXPECT_TRUE(board.waits_for("victim waits"));
  Process gets = started(get_one, queue);
  die_by_kill(victim);
  queue.put(1);
  ends_with(gets, 0);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
