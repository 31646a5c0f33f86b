// Items that are written and read where they stand: loans and views.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <optional>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <utility>
#include <vector>

#include "support/board.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Bytes;
using shoal::Loan;
using shoal::Object;
using shoal::Process;
using shoal::Queue;
using shoal::View;
using support::Board;
using support::die_by_kill;
using support::ends_with;
using support::kDeadline;
using support::started;

constexpr std::size_t kLarge = 300'000;
constexpr std::array kSizes{std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{130'000},
                            kLarge};

Bytes content(std::size_t size, int seed = 0) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>((i + static_cast<std::size_t>(seed)) % 251);
  }
  return bytes;
}

bool is_same(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::ranges::equal(a, b);
}

void fill(Loan& loan, int seed) {
  const Bytes bytes = content(loan.bytes().size(), seed);
  std::ranges::copy(bytes, loan.bytes().begin());
}

std::uint64_t memory_of(const shoal::QueueBase& queue) {
  struct stat facts{};
  EXPECT_EQ(::fstat(queue.descriptor(), &facts), 0);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

TEST(QueueLoanTest, bytes_of_every_size_are_read_in_place_or_copied) {
  Queue<Bytes> queue;
  for (const std::size_t size : kSizes) {
    queue.put(content(size));
    queue.put(content(size, 1));
    EXPECT_EQ(queue.get(), content(size));
    const View view = queue.get_view();
    EXPECT_TRUE(is_same(view.bytes(), content(size, 1)));
  }
}

TEST(QueueLoanTest, a_loan_arrives_as_what_was_written) {
  Queue<Bytes> queue;
  for (const std::size_t size : kSizes) {
    for (const bool in_place : {true, false}) {
      Loan loan = queue.loan(size);
      EXPECT_EQ(loan.bytes().size(), size);
      fill(loan, 3);
      queue.put(std::move(loan));
      EXPECT_TRUE(loan.bytes().empty());  // NOLINT(bugprone-use-after-move): what is left of it
      if (in_place) {
        EXPECT_TRUE(is_same(queue.get_view().bytes(), content(size, 3)));
      } else {
        EXPECT_EQ(queue.get(), content(size, 3));
      }
    }
  }
}

TEST(QueueLoanTest, elements_are_written_and_read_as_such) {
  Queue<Bytes> queue;
  Loan loan = queue.loan(kLarge * sizeof(double));
  const auto numbers = loan.as<double>();
  ASSERT_EQ(numbers.size(), kLarge);
  std::iota(numbers.begin(), numbers.end(), 0.5);
  queue.put(std::move(loan));
  View view = queue.get_view();
  const auto read = view.as<double>();
  ASSERT_EQ(read.size(), kLarge);
  EXPECT_EQ(read[0], 0.5);
  EXPECT_EQ(read.back(), kLarge - 0.5);
  read[0] = 7;  // it is this process's
  EXPECT_EQ(view.as<const double>()[0], 7);
  struct Odd {
    std::array<char, 7> all;
  };
  EXPECT_THROW(static_cast<void>(view.as<Odd>()), std::invalid_argument);
}

TEST(QueueLoanTest, views_are_freed_in_any_order) {
  Queue<Bytes> queue;
  std::vector<View> views;
  for (int i = 0; i < 10; ++i) {
    queue.put(content(kLarge, i));
    views.push_back(queue.get_view());
  }
  views.erase(views.begin() + 3, views.begin() + 6);
  for (int i = 0; i < 10; ++i) queue.put(content(kLarge, 100 + i));
  const std::array left{0, 1, 2, 6, 7, 8, 9};
  for (std::size_t i = 0; i < left.size(); ++i) {
    EXPECT_TRUE(is_same(views[i].bytes(), content(kLarge, left[i])));
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(queue.get(), content(kLarge, 100 + i));
}

TEST(QueueLoanTest, memory_is_used_again) {
  Queue<Bytes> queue;
  const auto once = [&](int i) {
    Loan loan = queue.loan(kLarge);
    fill(loan, i);
    queue.put(std::move(loan));
    const View view = queue.get_view();
    EXPECT_TRUE(is_same(view.bytes(), content(kLarge, i)));
  };
  once(0);
  const std::uint64_t memory = memory_of(queue);
  for (int i = 1; i < 50; ++i) once(i);
  EXPECT_EQ(memory_of(queue), memory);
}

TEST(QueueLoanTest, a_view_outlives_its_queue) {
  std::optional<View> view;
  {
    Queue<Bytes> queue;
    queue.put(content(kLarge));
    view = queue.get_view();
    queue.close();
  }
  EXPECT_TRUE(is_same(view->bytes(), content(kLarge)));
}

TEST(QueueLoanTest, a_loan_that_finds_the_queue_full_stays) {
  Queue<Bytes> queue(1);
  queue.put(content(1));
  Loan loan = queue.loan(kLarge);
  fill(loan, 5);
  EXPECT_FALSE(queue.try_put(std::move(loan)));
  EXPECT_FALSE(queue.put_for(std::move(loan), 5ms));
  EXPECT_EQ(loan.bytes().size(), kLarge);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(queue.get(), content(1));
  EXPECT_TRUE(queue.try_put(std::move(loan)));
  EXPECT_EQ(queue.get(), content(kLarge, 5));
}

TEST(QueueLoanTest, misuse_is_told) {
  Queue<Bytes> queue;
  Queue<Bytes> other;
  Loan loan = queue.loan(10);
  EXPECT_THROW(other.put(std::move(loan)), std::logic_error);
  queue.put(std::move(loan));
  EXPECT_THROW(queue.put(std::move(loan)), std::logic_error);  // NOLINT(bugprone-use-after-move)
  EXPECT_THROW(static_cast<void>(queue.loan(std::size_t{1} << 60U)), shoal::OutOfMemory);
  Queue<Bytes> limited(shoal::QueueOptions{.max_bytes = kLarge});
  EXPECT_THROW(static_cast<void>(limited.loan(kLarge + 1)), std::invalid_argument);
  Loan late = queue.loan(10);
  queue.shutdown();
  EXPECT_THROW(static_cast<void>(queue.loan(10)), shoal::ShutDown);
  EXPECT_THROW(queue.put(std::move(late)), shoal::ShutDown);
  EXPECT_EQ(queue.get().size(), 10U);
  EXPECT_THROW(static_cast<void>(queue.get_view()), shoal::ShutDown);
  queue.close();
  EXPECT_THROW(static_cast<void>(queue.loan(10)), shoal::ClosedError);
}

TEST(QueueLoanTest, more_loans_than_there_are_extents_are_refused) {
  Queue<Bytes> queue;
  std::vector<Loan> loans;
  for (int i = 0; i < 1024; ++i) loans.push_back(queue.loan(8));
  EXPECT_THROW(static_cast<void>(queue.loan(8)), shoal::OutOfMemory);
  queue.put(content(kLarge));  // goes another way
  EXPECT_TRUE(is_same(queue.get_view().bytes(), content(kLarge)));
  loans.clear();
  EXPECT_EQ(queue.loan(kLarge).bytes().size(), kLarge);
}

TEST(QueueLoanTest, waits_for_a_view_for_so_long) {
  Queue<Bytes> queue;
  EXPECT_FALSE(queue.try_get_view());
  EXPECT_FALSE(queue.get_view_for(1ms));
  queue.put(content(8));
  EXPECT_TRUE(is_same(queue.get_view_for(kDeadline)->bytes(), content(8)));
}

TEST(QueueLoanTest, a_view_of_another_item_says_so) {
  Queue<std::string> queue;
  queue.put(std::string(kLarge, 'x'));
  queue.put("small");
  for (int i = 0; i < 2; ++i) {
    const View view = queue.get_view();
    EXPECT_THROW(static_cast<void>(view.bytes()), shoal::PickleError);
  }
  Queue<int> numbers;
  numbers.put(5);
  const View view = numbers.get_view();
  EXPECT_THROW(static_cast<void>(view.bytes()), shoal::PickleError);
}

TEST(QueueLoanTest, large_items_of_every_type_arrive) {
  Queue<std::vector<std::string>> lists;
  const std::vector<std::string> list(50'000, "an element");
  lists.put(list);
  EXPECT_EQ(lists.get(), list);
  lists.put_many(std::vector{list, {"small"}, list});
  EXPECT_EQ(lists.get_many(10), (std::vector<std::vector<std::string>>{list, {"small"}, list}));

  Queue<std::string> texts;
  std::string into = "before";
  texts.put(std::string(kLarge, 't'));
  texts.get_into(into);
  EXPECT_EQ(into, std::string(kLarge, 't'));

  Queue<Object> objects;
  objects.put(Object(content(kLarge)));
  EXPECT_EQ(objects.get(), Object(content(kLarge)));
  Loan loan = objects.loan(kLarge);
  fill(loan, 0);
  objects.put(std::move(loan));
  EXPECT_EQ(objects.get(), Object(content(kLarge)));
}

TEST(QueueLoanTest, a_forked_child_reads_what_its_parent_holds_and_frees_nothing) {
  Queue<Bytes> queue;
  queue.put(content(kLarge, 1));
  std::optional<View> view = queue.get_view();
  std::optional<Loan> loan = queue.loan(kLarge);
  fill(*loan, 2);
  Process child([&] {
    EXPECT_TRUE(is_same(view->bytes(), content(kLarge, 1)));
    EXPECT_THROW(queue.put(std::move(*loan)), std::logic_error);
    view.reset();
    loan.reset();
    queue.put(content(kLarge, 3));
    if (::testing::Test::HasFailure()) ::_exit(1);
  });
  child.start();
  ends_with(child, 0);
  EXPECT_TRUE(is_same(view->bytes(), content(kLarge, 1)));
  EXPECT_EQ(queue.get(), content(kLarge, 3));
  queue.put(std::move(*loan));
  EXPECT_EQ(queue.get(), content(kLarge, 2));
}

// ------------------------------------------------------------------ between processes

class QueueLoanProcessTest : public support::EachStartMethod {};

INSTANTIATE_TEST_SUITE_P(, QueueLoanProcessTest, support::kStartMethods,
                         support::start_method_name);

void double_in_place(Queue<Bytes> requests, Queue<Bytes> replies) {
  for (;;) {
    const View view = requests.get_view();
    if (view.bytes().empty()) return;
    Loan loan = replies.loan(view.bytes().size());
    std::ranges::transform(view.as<long>(), loan.as<long>().begin(), [](long n) { return 2 * n; });
    replies.put(std::move(loan));
  }
}

TEST_P(QueueLoanProcessTest, loans_and_views_go_between_processes) {
  Queue<Bytes> requests(3);
  Queue<Bytes> replies;
  Process process = started(double_in_place, requests, replies);
  for (long i = 0; i < 10; ++i) {
    Loan loan = requests.loan(kLarge * sizeof(long));
    std::ranges::fill(loan.as<long>(), i);
    requests.put(std::move(loan));
    const auto view = replies.get_view_for(kDeadline);
    ASSERT_TRUE(view);
    EXPECT_TRUE(std::ranges::all_of(view->as<long>(), [i](long n) { return n == 2 * i; }));
  }
  requests.put({});
  ends_with(process, 0);
}

void hold(const Board& board, Queue<Bytes> queue) {
  const View view = queue.get_view();
  const Loan loan = queue.loan(kLarge);
  board.note("holding");
  ::pause();
}

TEST_P(QueueLoanProcessTest, what_a_killed_process_held_is_free) {
  const Board board = Board::make();
  Queue<Bytes> queue;
  queue.put(content(kLarge + 8192));  // as much as a loan takes
  Process process = started(hold, board, queue);
  ASSERT_TRUE(board.waits_for("holding"));
  const std::uint64_t memory = memory_of(queue);
  die_by_kill(process);
  {
    const Loan first = queue.loan(kLarge);
    const Loan second = queue.loan(kLarge);
    EXPECT_EQ(memory_of(queue), memory);
  }
  queue.put(content(kLarge, 4));
  EXPECT_EQ(queue.get(), content(kLarge, 4));
}

TEST_P(QueueLoanProcessTest, a_stopped_holder_keeps_nobody_waiting) {
  const Board board = Board::make();
  Queue<Bytes> queue;
  queue.put(content(kLarge));
  Process process = started(hold, board, queue);
  ASSERT_TRUE(board.waits_for("holding"));
  ASSERT_EQ(::kill(*process.pid(), SIGSTOP), 0);
  for (int i = 0; i < 20; ++i) {
    Loan loan = queue.loan(kLarge);
    fill(loan, i);
    queue.put(std::move(loan));
    queue.put(content(kLarge, i));
    EXPECT_TRUE(is_same(queue.get_view().bytes(), content(kLarge, i)));
    EXPECT_EQ(queue.get(), content(kLarge, i));
  }
  ASSERT_EQ(::kill(*process.pid(), SIGCONT), 0);
  die_by_kill(process);
}

void put_and_die(Queue<Bytes> queue) {
  Loan loan = queue.loan(kLarge);
  fill(loan, 6);
  queue.put(std::move(loan));
  queue.put(content(kLarge, 7));
  ::raise(SIGKILL);
}

TEST_P(QueueLoanProcessTest, what_a_killed_process_has_put_is_there) {
  Queue<Bytes> queue;
  Process process = started(put_and_die, queue);
  ends_with(process, -SIGKILL);
  queue.put(content(kLarge, 8));
  for (int i = 6; i < 9; ++i) EXPECT_TRUE(is_same(queue.get_view().bytes(), content(kLarge, i)));
}

}  // namespace
