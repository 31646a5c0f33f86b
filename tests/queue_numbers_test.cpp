// Vectors and arrays of numbers, which travel as the numbers alone, and AsBytes, in one process and
// between processes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <numeric>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "channel/queue_core.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::AsBytes;
using shoal::Bytes;
using shoal::JoinableQueue;
using shoal::Object;
using shoal::Process;
using shoal::Queue;
using shoal::QueueOptions;
using shoal::SimpleQueue;
using shoal::ring::Encoding;
using support::ends_with;
using support::kDeadline;
using support::started;

// The same queue, for items of another type.
template <class T>
Queue<T> as(const shoal::QueueBase& queue) {
  return Queue<T>(queue.core());
}

// How an item went into the queue; it is taken.
Encoding taken_encoding(const shoal::QueueBase& queue) {
  std::vector<std::byte> room(4096);
  shoal::ring::Record record;
  const auto got = queue.core()->ring().get(std::span(room), record, shoal::os::Deadline::now());
  EXPECT_EQ(got, shoal::ring::Get::kDone);
  return record.encoding;
}

template <class N>
class QueueNumbers : public ::testing::Test {};
using Types =
    ::testing::Types<std::int8_t, std::int16_t, int, std::int64_t, std::uint8_t, std::uint16_t,
                     unsigned, std::uint64_t, float, double, char, wchar_t, char16_t, long long>;
TYPED_TEST_SUITE(QueueNumbers, Types);

TYPED_TEST(QueueNumbers, come_as_they_were) {
  using Numbers = std::vector<TypeParam>;
  using Limits = std::numeric_limits<TypeParam>;
  Numbers some{Limits::lowest(), Limits::max(), TypeParam{}, TypeParam{1}};
  Queue<Numbers> queue;
  for (const Numbers& numbers : {some, Numbers{}, Numbers(100'000, TypeParam{7})}) {
    queue.put(numbers);
    EXPECT_EQ(queue.get(), numbers);
  }
  queue.put_many(std::vector<Numbers>{some, {}, some});
  EXPECT_EQ(queue.get_many(9), (std::vector<Numbers>{some, {}, some}));
  queue.put(std::span(some));
  EXPECT_EQ((as<std::array<TypeParam, 4>>(queue).get()),
            (std::array{some[0], some[1], some[2], some[3]}));
}

TYPED_TEST(QueueNumbers, are_a_list_to_others) {
  using Limits = std::numeric_limits<TypeParam>;
  Queue<std::vector<TypeParam>> queue;
  queue.put({Limits::lowest(), Limits::max()});
  const Object object = as<Object>(queue).get();
  EXPECT_EQ(shoal::decode<std::vector<TypeParam>>(object),
            (std::vector<TypeParam>{Limits::lowest(), Limits::max()}));
}

TYPED_TEST(QueueNumbers, are_read_from_pickled_lists_and_tuples) {
  Queue<Object> objects;
  objects.put(Object(shoal::List{{Object(1), Object(2)}}));
  objects.put(Object(shoal::Tuple{{Object(3)}}));
  auto queue = as<std::vector<TypeParam>>(objects);
  EXPECT_EQ(queue.get(), (std::vector<TypeParam>{1, 2}));
  EXPECT_EQ(queue.get(), (std::vector<TypeParam>{3}));
}

TEST(QueueNumbersOnly, travel_raw) {
  Queue<std::vector<int>> queue;
  queue.put({1, 2});
  EXPECT_EQ(taken_encoding(queue), Encoding::kNumbers);
  queue.put_many(std::vector<std::vector<int>>{{1, 2}});
  EXPECT_EQ(taken_encoding(queue), Encoding::kNumbers);
  auto flags = as<std::vector<bool>>(queue);
  flags.put({true, false});
  EXPECT_EQ(flags.get(), (std::vector{true, false}));
  flags.put({true});
  EXPECT_EQ(taken_encoding(queue), Encoding::kPickle);
  auto long_doubles = as<std::vector<long double>>(queue);
  long_doubles.put({0.5L});
  EXPECT_EQ(taken_encoding(queue), Encoding::kPickle);
}

TEST(QueueNumbersOnly, of_another_type_are_converted_where_they_fit) {
  Queue<std::vector<int>> ints;
  const auto read = [&]<class N>(N, const std::vector<int>& numbers) {
    ints.put(numbers);
    return as<std::vector<N>>(ints).get();
  };
  EXPECT_EQ(read(std::int8_t{}, {-128, 127}), (std::vector<std::int8_t>{-128, 127}));
  EXPECT_EQ(read(std::uint64_t{}, {7}), (std::vector<std::uint64_t>{7}));
  EXPECT_EQ(read(double{}, {-3, 4}), (std::vector{-3.0, 4.0}));
  EXPECT_THROW(static_cast<void>(read(std::int8_t{}, {1, 128})), shoal::PickleError);
  EXPECT_THROW(static_cast<void>(read(unsigned{}, {-1})), shoal::PickleError);
  EXPECT_THROW(static_cast<void>(read(std::uint64_t{}, {-1})), shoal::PickleError);
  EXPECT_TRUE(ints.empty()) << "what could not be read was taken";
  Queue<std::vector<double>> doubles;
  doubles.put({0.1});
  EXPECT_EQ(as<std::vector<float>>(doubles).get(), (std::vector{0.1F}));
  doubles.put({1.0});
  EXPECT_THROW(static_cast<void>(as<std::vector<int>>(doubles).get()), shoal::PickleError);
  Queue<std::vector<std::uint64_t>> wide;
  wide.put({1ULL << 63U});
  EXPECT_THROW(static_cast<void>(as<std::vector<std::int64_t>>(wide).get()), shoal::PickleError);
}

TEST(QueueNumbersOnly, fill_an_array_of_their_number_alone) {
  Queue<std::array<int, 3>> threes;
  threes.put({1, 2, 3});
  EXPECT_EQ(threes.get(), (std::array{1, 2, 3}));
  as<std::vector<int>>(threes).put({1, 2});
  EXPECT_THROW(static_cast<void>(threes.get()), shoal::PickleError);
  as<std::vector<short>>(threes).put({4, 5, 6});
  EXPECT_EQ(threes.get(), (std::array{4, 5, 6}));
  Queue<std::array<double, 0>> none;
  none.put({});
  EXPECT_EQ(none.get(), (std::array<double, 0>{}));
}

TEST(QueueNumbersOnly, may_be_put_from_where_they_are) {
  const std::array numbers{1.5, 2.5, 3.5};
  Queue<std::vector<double>> queue(2);
  queue.put(std::span(numbers).subspan(1));
  EXPECT_TRUE(queue.try_put(std::span(numbers)));
  EXPECT_FALSE(queue.try_put(std::span(numbers)));
  EXPECT_FALSE(queue.put_for(std::span(numbers), 1ms));
  EXPECT_EQ(queue.get(), (std::vector{2.5, 3.5}));
  queue.put({});  // an empty vector, and not ambiguous
  EXPECT_EQ(queue.get().size(), 3U);
  EXPECT_EQ(queue.get().size(), 0U);
}

TEST(QueueNumbersOnly, are_read_where_they_stand) {
  Queue<std::vector<double>> queue;
  for (const std::size_t count : {3U, 100'000U}) {
    const std::vector<double> numbers(count, 0.25);
    queue.put(numbers);
    const auto view = as<Bytes>(queue).get_view();
    EXPECT_TRUE(std::ranges::equal(view.as<double>(), numbers));
  }
}

TEST(QueueNumbersOnly, use_memory_again) {
  Queue<std::vector<int>> queue;
  std::vector<int> numbers(1000);
  const int* place = numbers.data();
  queue.put({1, 2, 3});
  queue.get_into(numbers);
  EXPECT_EQ(numbers, (std::vector{1, 2, 3}));
  EXPECT_EQ(numbers.data(), place);
  EXPECT_FALSE(queue.try_get_into(numbers));
  EXPECT_EQ(numbers, (std::vector{1, 2, 3}));
}

TEST(QueueNumbersOnly, of_an_unknown_type_are_damage) {
  const auto expect_damaged = [](std::uint64_t word, std::size_t bytes) {
    Queue<std::vector<int>> queue;
    const std::vector<std::byte> numbers(bytes);
    const std::array parts{std::as_bytes(std::span(&word, 1)), std::span(numbers)};
    queue.core()->ring().put(parts, Encoding::kNumbers, shoal::os::Deadline::never());
    EXPECT_THROW(static_cast<void>(queue.get()), shoal::Damaged) << std::hex << word;
    queue.core()->ring().put(parts, Encoding::kNumbers, shoal::os::Deadline::never());
    EXPECT_THROW(static_cast<void>(as<Object>(queue).get_many(1)), shoal::Damaged)
        << std::hex << word;
  };
  expect_damaged(0, 8);
  expect_damaged(0x0001, 8);  // of no bytes each
  expect_damaged(0x0301, 6);
  expect_damaged(0x0401, 6);  // not a whole number of them
  expect_damaged(0x0203, 2);  // a float of two bytes
  expect_damaged(0x0404, 4);
}

struct Point {
  int x;
  double y;
};
struct Other {
  std::array<char, 24> text;
};
class Opaque {  // no aggregate, and nothing that makes one of nothing
 public:
  explicit Opaque(int number) noexcept : number_(number) {}
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

TEST(QueueStructs, of_plain_fields_travel_as_tuples) {
  Queue<Point> queue;
  queue.put({1, 2.5});
  EXPECT_EQ((as<std::pair<int, double>>(queue).get()), (std::pair{1, 2.5}));
  queue.put({1, 2.5});
  EXPECT_EQ(as<Object>(queue).get(), Object(shoal::Tuple{{Object(1), Object(2.5)}}));
  queue.put({1, 2.5});
  EXPECT_EQ(queue.get().y, 2.5);
}

TEST(QueueAsBytes, come_as_they_were) {
  Queue<AsBytes<Point>> queue;
  queue.put(Point{1, 2.5});
  EXPECT_EQ(taken_encoding(queue), Encoding::kBytes);
  queue.put(Point{1, 2.5});
  const Point point = queue.get();
  EXPECT_EQ(point.x, 1);
  EXPECT_EQ(point.y, 2.5);
  queue.put_many(std::vector<Point>{{1, 0.5}, {2, 0.5}, {3, 0.5}});
  int next = 1;
  for (const auto& item : queue.get_many(5)) EXPECT_EQ(item->x, next++);
  EXPECT_EQ(next, 4);
  Queue<AsBytes<Opaque>> opaque;
  opaque.put(Opaque(7));
  EXPECT_EQ(opaque.try_get().value()->number(), 7);
}

TEST(QueueAsBytes, are_read_where_they_stand) {
  Queue<AsBytes<std::array<char, 200'000>>> large;
  std::array<char, 200'000> text;
  text.fill('x');
  large.put(text);
  EXPECT_EQ(large.get()->back(), 'x');
  large.put(text);
  EXPECT_TRUE(std::ranges::equal(as<Bytes>(large).get_view().as<char>(), text));
}

TEST(QueueAsBytes, are_bytes_to_others) {
  Queue<AsBytes<int>> queue;
  queue.put(258);
  const Bytes bytes{std::byte{2}, std::byte{1}, std::byte{0}, std::byte{0}};
  EXPECT_EQ(as<Bytes>(queue).get(), bytes);
  queue.put(258);
  EXPECT_EQ(as<Object>(queue).get(), Object(bytes));
  as<Bytes>(queue).put(bytes);
  EXPECT_EQ(*queue.get(), 258);
  as<Bytes>(queue).put({bytes[0]});
  EXPECT_THROW(static_cast<void>(queue.get()), shoal::PickleError);
  queue.put(258);
  EXPECT_THROW(static_cast<void>(as<int>(queue).get()), shoal::PickleError);
}

class QueueAsBytesByName : public ::testing::Test {
 protected:
  ~QueueAsBytesByName() override { ::unlink(("/dev/shm/shoal." + name_).c_str()); }
  std::string name_ = "test-" + std::to_string(::getpid()) + "-typed";
};

std::string refusal(auto join) {
  try {
    join();
  } catch (const shoal::WrongKind& error) {
    return error.what();
  }
  return "";
}

TEST_F(QueueAsBytesByName, are_joined_as_their_own_type_alone) {
  const Queue<AsBytes<Point>> made(QueueOptions{.name = name_});
  EXPECT_EQ(Queue<AsBytes<Point>>::open(name_), made);
  EXPECT_EQ(Queue<Object>::open(name_), made) << "for any item: bytes";
  const std::string told = refusal([&] { Queue<AsBytes<Other>>::open(name_); });
  EXPECT_NE(told.find(name_), std::string::npos) << told;
  EXPECT_NE(told.find("Point (16 bytes each)"), std::string::npos) << told;
  EXPECT_NE(told.find("Other (24 bytes each)"), std::string::npos) << told;
  EXPECT_NE(refusal([&] { SimpleQueue<AsBytes<Other>>::open(name_); }), "");
  EXPECT_NE(refusal([&] { as<AsBytes<Other>>(made); }), "");
}

TEST_F(QueueAsBytesByName, are_not_for_a_queue_of_anything) {
  const Queue<Point> made(QueueOptions{.name = name_});
  const std::string told = refusal([&] { Queue<AsBytes<Point>>::open(name_); });
  EXPECT_NE(told.find("any type"), std::string::npos) << told;
}

TEST(QueueAsBytes, leave_a_descriptor_that_they_refuse) {
  const JoinableQueue<AsBytes<Point>> made;
  const int copy = ::dup(made.descriptor());
  EXPECT_NE(refusal([&] { JoinableQueue<AsBytes<Other>>::attach(copy); }), "");
  EXPECT_NE(refusal([&] { Queue<AsBytes<Other>>::attach(copy); }), "");
  EXPECT_EQ(JoinableQueue<AsBytes<Point>>::attach(copy), made) << "which was not closed";
}

// Of names that begin alike and are longer than what is kept of them.
template <int...>
struct Named {
  int number;
};
using Long = Named<1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                   23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40>;
using AsLong = Named<1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                     23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 41>;

TEST(QueueAsBytes, are_told_apart_by_long_names) {
  Queue<AsBytes<Long>> queue;
  queue.put(Long{5});
  EXPECT_EQ(as<AsBytes<Long>>(queue).get()->number, 5);
  EXPECT_NE(refusal([&] { as<AsBytes<AsLong>>(queue); }), "");
}

class QueueTypedProcess : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueTypedProcess, support::kStartMethods,
                         support::start_method_name);

using Numbers = std::vector<double>;

void double_all(Queue<Numbers> from, Queue<Numbers> to) {
  for (Numbers numbers = from.get(); !numbers.empty(); from.get_into(numbers)) {
    for (double& number : numbers) number *= 2;
    to.put(numbers);
  }
}

TEST_P(QueueTypedProcess, carries_numbers_there_and_back) {
  Queue<Numbers> there(2);
  Queue<Numbers> back;
  Process process = started(double_all, there, back);
  for (const std::size_t count : {1U, 3U, 1000U, 300'000U}) {
    Numbers numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0.25);
    there.put(numbers);
    std::ranges::for_each(numbers, [](double& number) { number *= 2; });
    EXPECT_EQ(back.get_for(kDeadline), numbers);
  }
  there.put({});
  ends_with(process, 0);
}

void answer_points(Queue<AsBytes<Point>> from, JoinableQueue<AsBytes<Point>> to) {
  for (Point point = from.get(); point.x != 0; point = from.get()) {
    to.put(Point{point.x + 1, -point.y});
  }
}

TEST_P(QueueTypedProcess, carries_bytes_of_a_type_there_and_back) {
  Queue<AsBytes<Point>> there;
  JoinableQueue<AsBytes<Point>> back;
  Process process = started(answer_points, there, back);
  there.put_many(std::vector<Point>{{1, 0.5}, {7, 1.5}, {0, 0}});
  const Point first = back.get_for(kDeadline).value();
  EXPECT_EQ(first.x, 2);
  EXPECT_EQ(first.y, -0.5);
  EXPECT_EQ(back.get_for(kDeadline).value()->x, 8);
  ends_with(process, 0);
}

}  // namespace
