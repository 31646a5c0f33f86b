// The descriptor of queues with a name: a watch of each process that asks.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <optional>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <system_error>
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
using support::ends_with;
using support::kDeadline;
using support::readable;
using support::started;
using support::Subject;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHOAL_TEST_CHECKED true
#endif
#endif
#ifndef SHOAL_TEST_CHECKED
#define SHOAL_TEST_CHECKED false
#endif
constexpr bool kChecked = SHOAL_TEST_CHECKED;

class QueueWatchProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueWatchProcess, support::kStartMethods,
                         support::start_method_name);

// The system ends all watches of a file that has no name any more.
TEST(QueueWatch, outlives_its_name) {
  for (const int items : {0, 2}) {
    Subject<int> subject(true);
    auto& queue = *subject;
    const int fd = queue.fileno();
    for (int i = 0; i < items; ++i) queue.put(i);
    subject.unlink();
    queue.put(items);
    for (int i = 0; i <= items; ++i) {
      EXPECT_TRUE(readable(fd));
      EXPECT_EQ(queue.try_get(), i);
    }
    for (int round = 0; round < 3; ++round) {
      EXPECT_EQ(queue.try_get(), std::nullopt);
      EXPECT_FALSE(readable(fd));
      queue.put(round);
      EXPECT_TRUE(readable(fd));
      EXPECT_EQ(queue.try_get(), round);
      EXPECT_FALSE(readable(fd));
    }
    queue.shutdown();
    EXPECT_TRUE(readable(fd));
  }
}

// Each has a descriptor of its own, unless it was forked: that says so until it finds nothing.
void poll_one_at_a_time(const Board& board, const std::string& name, Queue<int> turns) {
  Queue<int> queue = Queue<int>::open(name);
  const int fd = queue.fileno();
  board.note("listens");
  while (const int turn = turns.get()) {
    if (!readable(fd, kDeadline)) std::exit(1);
    if (queue.try_get()) std::exit(2);
    if (readable(fd)) std::exit(3);
    board.note("found nothing " + std::to_string(turn));
  }
}

TEST_P(QueueWatchProcess, is_told_to_all_by_a_name) {
  const Board board = Board::make();
  Subject<int> subject(true);
  auto& queue = *subject;
  Queue<int> turns;
  const int fd = queue.fileno();
  Process process = started(poll_one_at_a_time, board, queue.name(), turns);
  EXPECT_TRUE(board.waits_for("listens"));
  for (int round = 1; round <= 3; ++round) {
    queue.put(1);
    EXPECT_TRUE(readable(fd));
    EXPECT_EQ(queue.try_get(), 1);
    EXPECT_FALSE(readable(fd));
    turns.put(round);
    EXPECT_TRUE(board.waits_for("found nothing " + std::to_string(round)));
  }
  turns.put(0);
  ends_with(process, 0);
}

void hold_until_told(const std::string& name, const Board& board, Queue<int> turns) {
  const Queue<int> queue = Queue<int>::open(name);
  const int fd = queue.fileno();
  board.note("has it");
  if (turns.get() != 1 || !readable(fd, kDeadline)) std::exit(1);
}

// Those who opened it have another way to the file than who made it; the end of each, too, ends the
// watches of all.
TEST_P(QueueWatchProcess, outlives_its_name_and_those_who_had_it) {
  const Board board = Board::make();
  Subject<int> subject(true);
  auto& queue = *subject;
  const int fd = queue.fileno();
  Queue<int> turns;
  Process process = started(hold_until_told, queue.name(), board, turns);
  EXPECT_TRUE(board.waits_for("has it"));
  subject.unlink();
  const auto works = [&] {
    EXPECT_EQ(queue.try_get(), std::nullopt);
    EXPECT_FALSE(readable(fd));
    queue.put(1);
    EXPECT_TRUE(readable(fd));
  };
  works();
  turns.put(1);
  ends_with(process, 0);
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(queue.get(), 1);
  works();
}

// A child that was forked afterwards polls the same one: that ends for both, with the last item.
TEST(QueueWatch, is_one_of_a_process_and_its_forked_children) {
  for (const bool ends_first : {false, true}) {
    Subject<int> subject(true);
    auto& queue = *subject;
    const int fd = queue.fileno();
    if (ends_first) subject.unlink();
    queue.put(1);
    Process takes = started([fd, &queue] {
      if (queue.fileno() != fd || !readable(fd)) std::exit(1);
      if (queue.try_get() != 1 || queue.try_get()) std::exit(2);
      if (readable(fd)) std::exit(3);
    });
    ends_with(takes, 0);
    EXPECT_FALSE(readable(fd)) << "nothing is there";
    queue.put(2);
    EXPECT_TRUE(readable(fd)) << "a child has closed its own";
    Process dies = started([&queue] {
      static_cast<void>(queue.try_get());
      ::raise(SIGKILL);
    });
    ends_with(dies, -SIGKILL);
    EXPECT_EQ(queue.try_get(), std::nullopt);
    EXPECT_FALSE(readable(fd));
    queue.put(3);
    EXPECT_TRUE(readable(fd));
  }
}

// It may no longer open the file, and still tells.
TEST(QueueWatch, is_told_by_who_has_given_up_its_rights) {
  if (::geteuid() != 0) GTEST_SKIP() << "has none";
  Subject<int> subject(true);
  auto& queue = *subject;
  const int fd = queue.fileno();
  Process process = started([&queue] {
    constexpr uid_t kNobody = 65534;
    if (::setuid(kNobody) != 0) std::exit(1);
    queue.put(1);
  });
  ends_with(process, 0);
  EXPECT_TRUE(readable(fd));
}

void ask_and_die(Queue<int> queue) {
  static_cast<void>(queue.fileno());
  queue.put(1);
  ::raise(SIGKILL);
}

// One who comes when the signal is raised already: no put will raise it for this one.
TEST_P(QueueWatchProcess, newcomers_miss_nothing) {
  Subject<int> subject(true);
  auto& queue = *subject;
  Process dead = started(ask_and_die, queue);
  dead.join();
  EXPECT_EQ(queue.qsize(), 1U);
  const int fd = queue.fileno();
  EXPECT_TRUE(readable(fd));
  EXPECT_EQ(queue.try_get(), 1);
  EXPECT_FALSE(readable(fd));
  queue.put(2);
  EXPECT_TRUE(readable(fd));
}

TEST(QueueWatch, says_whose_limit_stands_against_a_descriptor) {
  if (kChecked) GTEST_SKIP() << "without a descriptor the sanitizer takes sound objects for none";
  Subject<int> subject(true);
  auto& queue = *subject;
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{3, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  try {
    static_cast<void>(queue.fileno());
    ADD_FAILURE() << "where did the descriptor come from?";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EMFILE);
    EXPECT_NE(std::string(error.what()).find("queue 'readable-"), std::string::npos)
        << error.what();
  }
  ::setrlimit(RLIMIT_NOFILE, &before);
  queue.put(1);
  EXPECT_TRUE(readable(queue.fileno()));
}

// A user of its own, for the length of a process, who may have no inotify instances.
bool may_have_no_instances() {
  return ::unshare(CLONE_NEWUSER) == 0 &&
         (std::ofstream("/proc/sys/user/max_inotify_instances") << "0" << std::flush).good();
}

TEST(QueueWatch, says_that_there_is_no_inotify_instance) {
  constexpr int kSkipped = 77;
  Subject<int> subject(true);
  auto& queue = *subject;
  Process process = started([&queue] {
    if (!may_have_no_instances()) std::exit(kSkipped);
    try {
      static_cast<void>(queue.fileno());
    } catch (const std::system_error& error) {
      const bool named = std::string(error.what()).find("inotify") != std::string::npos;
      if (error.code().value() != EMFILE || !named) std::exit(1);
      queue.put(1);  // which is no harm to the others
      std::exit(queue.try_get() == 1 ? 0 : 2);
    }
    std::exit(3);
  });
  ASSERT_TRUE(process.join_for(kDeadline));
  if (process.exitcode() == kSkipped) GTEST_SKIP() << "cannot be another user here";
  EXPECT_EQ(process.exitcode(), 0);
  EXPECT_FALSE(readable(queue.fileno()));
}

TEST(QueueWatch, leaves_no_descriptor) {
  const auto before = support::open_descriptors();
  {
    Subject<int> subject(true);
    EXPECT_FALSE(readable((*subject).fileno()));
  }
  EXPECT_EQ(support::open_descriptors(), before);
}

}  // namespace
