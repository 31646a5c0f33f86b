// The contract of queues inside one process: what they carry, their bounds, waits and end.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <shoal/barrier.hpp>
#include <shoal/error.hpp>
#include <shoal/object.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "support/process_facts.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::Queue;
using support::kDeadline;

struct Place {
  std::string name;
  double size = 0;
  std::map<std::string, int> counts;
  bool operator==(const Place&) const = default;
};
class Job {
 public:
  Job() = default;
  Job(int id, std::vector<std::string> parts) : id_(id), parts_(std::move(parts)) {}
  bool operator==(const Job&) const = default;

 private:
  int id_ = 0;
  std::vector<std::string> parts_;

 public:
  static constexpr auto shoal_fields = std::tuple{&Job::id_, &Job::parts_};
};

/// Reads a queue of one type as another.
template <class To, class From>
Queue<To> as(const Queue<From>& queue) {
  return Queue<To>(queue.core());
}

template <class T>
void expect_through(const std::vector<T>& items) {
  Queue<T> queue;
  for (const T& item : items) queue.put(item);
  for (const T& item : items) EXPECT_EQ(queue.try_get(), std::optional<T>(item));
  EXPECT_TRUE(queue.empty());
}

template <class Number>
class NumbersInQueue : public testing::Test {};
using Numbers = testing::Types<signed char, unsigned char, short, unsigned short, int, unsigned,
                               long, unsigned long, long long, unsigned long long, float, double>;
TYPED_TEST_SUITE(NumbersInQueue, Numbers);

TYPED_TEST(NumbersInQueue, arrive_from_end_to_end_of_their_range) {
  using Limits = std::numeric_limits<TypeParam>;
  expect_through<TypeParam>({0, 1, Limits::lowest(), Limits::min(), Limits::max()});
}

TEST(QueueTest, carries_special_numbers) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  expect_through<double>({kInfinity, -kInfinity, std::numeric_limits<double>::denorm_min()});
  Queue<double> queue;
  queue.put(-0.0);
  queue.put(std::nan(""));
  EXPECT_TRUE(std::signbit(queue.get()));
  EXPECT_TRUE(std::isnan(queue.get()));
}

TEST(QueueTest, refuses_a_timeout_that_is_no_number) {
  Queue<int> queue;
  const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THROW(static_cast<void>(queue.get_for(nan)), std::invalid_argument);
  EXPECT_THROW(static_cast<void>(queue.put_for(1, nan)), std::invalid_argument);
  EXPECT_TRUE(queue.empty());
}

TEST(QueueTest, carries_values_of_all_types) {
  expect_through<bool>({true, false});
  expect_through<std::string>(
      {"", "a", "ä 一 🐚", std::string("\0x", 2), std::string(100'000, 'y')});
  expect_through<shoal::Bytes>({{}, shoal::Bytes(255), shoal::Bytes(256), shoal::Bytes(3'000'000)});
  expect_through<std::vector<int>>({{}, {1}, std::vector<int>(100'000, 7)});
  expect_through<std::vector<std::vector<std::string>>>({{{"a", "b"}, {}}, {}});
  expect_through<std::map<std::string, std::set<int>>>({{{"a", {1, 2}}}, {}});
  expect_through<std::optional<int>>({1, std::nullopt});
  expect_through<std::tuple<int, std::string, bool>>({{1, "two", true}});
  expect_through<std::variant<int, std::string>>({5, "text"});
  expect_through<std::complex<double>>({{1, -2}});
  expect_through<Place>({{"here", 1.5, {{"a", 5}}}, {}});
  expect_through<Job>({{7, {"a", "b"}}, {}});
  expect_through<shoal::Object>({shoal::Object(), shoal::Object(5), shoal::Object("five")});
}

TEST(QueueTest, carries_every_size_around_the_edges_of_buffers) {
  Queue<std::string> queue;
  for (const std::size_t edge : {255U, 256U, 1024U, 4096U, 65535U, 65536U, 1U << 20U}) {
    for (std::size_t size = edge - 12; size < edge + 12; ++size) {
      queue.put(std::string(size, 's'));
      queue.put("next");
      EXPECT_EQ(queue.get().size(), size);
      EXPECT_EQ(queue.get(), "next");
    }
  }
}

TEST(QueueTest, reads_a_number_as_any_type_that_can_hold_it) {
  Queue<std::int64_t> numbers;
  for (int i = 0; i < 4; ++i) numbers.put(100);
  EXPECT_EQ(as<signed char>(numbers).get(), 100);
  EXPECT_EQ(as<std::uint64_t>(numbers).get(), 100U);
  EXPECT_EQ(as<double>(numbers).get(), 100.0);
  EXPECT_EQ(as<shoal::Object>(numbers).get(), shoal::Object(100));
  Queue<std::uint64_t> large;
  large.put(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(shoal::repr(as<shoal::Object>(large).get()), "18446744073709551615");
}

TEST(QueueTest, refuses_an_item_of_another_type_when_it_was_taken) {
  Queue<std::string> strings;
  strings.put("no number");
  strings.put("next");
  EXPECT_THROW(static_cast<void>(as<int>(strings).get()), shoal::PickleError);
  EXPECT_EQ(strings.get(), "next");
  EXPECT_EQ(strings.qsize(), 0U);

  Queue<std::int64_t> numbers;
  numbers.put(1000);
  numbers.put(-1);
  numbers.put(1);
  numbers.put(2);
  EXPECT_THROW(static_cast<void>(as<signed char>(numbers).get()), shoal::PickleError);
  EXPECT_THROW(static_cast<void>(as<unsigned>(numbers).get()), shoal::PickleError);
  EXPECT_THROW(static_cast<void>(as<std::string>(numbers).get()), shoal::PickleError);
  EXPECT_EQ(numbers.get(), 2);
}

TEST(QueueTest, is_untouched_by_an_item_that_cannot_be_encoded) {
  Queue<shoal::Barrier> barriers(1);
  EXPECT_THROW(barriers.put(shoal::Barrier({.parties = 2, .action = [] {}})), shoal::ProcessError);
  EXPECT_EQ(barriers.qsize(), 0U);
}

TEST(QueueTest, keeps_order_and_counts) {
  Queue<int> queue;
  for (int i = 0; i < 10'000; ++i) {
    queue.put(i);
    EXPECT_EQ(queue.qsize(), static_cast<std::size_t>(i) + 1);
  }
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(queue.get(), i);
  EXPECT_EQ(queue.try_get(), std::nullopt);
}

TEST(QueueTest, holds_no_more_than_maxsize_items) {
  Queue<int> queue(2);
  EXPECT_EQ(queue.maxsize(), 2U);
  EXPECT_TRUE(queue.try_put(1));
  EXPECT_FALSE(queue.full());
  EXPECT_TRUE(queue.put_for(2, kDeadline));
  EXPECT_TRUE(queue.full());
  EXPECT_FALSE(queue.try_put(3));
  EXPECT_FALSE(queue.put_for(3, 5ms));
  EXPECT_EQ(queue.get(), 1);
  EXPECT_TRUE(queue.try_put(3));
}

TEST(QueueTest, has_no_limit_where_maxsize_is_not_positive) {
  for (const int maxsize : {0, -1, -100}) {
    Queue<int> queue(maxsize);
    EXPECT_EQ(queue.maxsize(), 0U);
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(queue.try_put(i));
    EXPECT_FALSE(queue.full());
  }
}

TEST(QueueTest, gives_up_at_any_kind_of_timeout) {
  Queue<int> queue(1);
  EXPECT_EQ(queue.get_for(0s), std::nullopt);
  EXPECT_EQ(queue.get_for(-1h), std::nullopt);
  EXPECT_EQ(queue.get_for(0.002s), std::nullopt);
  EXPECT_EQ(queue.get_for(std::chrono::duration<double, std::milli>(1.5)), std::nullopt);
  queue.put(1);
  EXPECT_FALSE(queue.put_for(2, -1s));
  EXPECT_FALSE(queue.put_for(2, 1us));
  EXPECT_EQ(queue.get_for(-1h), 1);
}

TEST(QueueTest, is_one_queue_in_all_its_handles) {
  Queue<int> queue(3);
  const Queue<int> copy = queue;
  Queue<int> assigned;
  EXPECT_FALSE(assigned == queue);
  assigned = copy;
  EXPECT_TRUE(assigned == queue);
  assigned.put(1);
  EXPECT_EQ(queue.get(), 1);
}

TEST(QueueTest, leaves_a_descriptor_that_it_cannot_use_to_the_caller) {
  const int file = ::memfd_create("no queue", MFD_CLOEXEC);
  EXPECT_THROW(static_cast<void>(Queue<int>::attach(file)), shoal::Damaged);
  EXPECT_GE(::fcntl(file, F_GETFD), 0) << "still open";
  ::close(file);
}

TEST(QueueTest, refuses_put_and_get_when_closed) {
  Queue<int> queue;
  queue.put(1);
  queue.close();
  queue.close();
  EXPECT_TRUE(queue.closed());
  EXPECT_THROW(queue.put(2), shoal::ClosedError);
  EXPECT_THROW(static_cast<void>(queue.try_put(2)), shoal::ClosedError);
  EXPECT_THROW(static_cast<void>(queue.get()), shoal::ClosedError);
  EXPECT_THROW(static_cast<void>(queue.try_get()), shoal::ClosedError);
  EXPECT_EQ(queue.qsize(), 1U);
}

TEST(QueueTest, gives_back_what_it_held) {
  static_cast<void>(Queue<int>().qsize());
  const auto before = support::open_descriptors();
  for (int i = 0; i < 1000; ++i) {
    Queue<std::string> queue;
    queue.put("item");
    if (i % 100 == 0) queue.put(std::string(3'000'000, 'x'));
  }
  EXPECT_EQ(support::open_descriptors(), before);
}

}  // namespace
