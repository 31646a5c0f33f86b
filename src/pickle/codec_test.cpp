#include <shoal/codec.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <limits>
#include <string>

namespace shoal {
namespace {

using namespace std::chrono_literals;

template <class T>
T there_and_back(const T& value) {
  return loads<T>(dumps(value));
}

template <class T>
void expect_round_trip(const T& value) {
  EXPECT_TRUE(there_and_back(value) == value) << repr(loads<Object>(dumps(value)));
  EXPECT_TRUE(decode<T>(pickle::load(dumps(value))) == value);
}

template <class T>
std::string refusal(const Object& object) {
  try {
    (void)loads<T>(dumps(object));
    return "read";
  } catch (const PickleError& error) {
    return error.what();
  }
}

enum class Color : std::uint8_t { red, green };

struct Point {
  int x = 0;
  double y = 0;
  bool operator==(const Point&) const = default;
};

struct Tree {
  std::string name;
  std::optional<Point> at;
  std::vector<Tree> children;
  bool operator==(const Tree&) const = default;
};

class Job {
 public:
  Job() = default;
  Job(int id, std::string name) : id_(id), name_(std::move(name)) {}
  bool operator==(const Job&) const = default;

 private:
  int id_ = 0;
  std::string name_;

 public:
  static constexpr auto shoal_fields = std::tuple{&Job::id_, &Job::name_};
};

struct Celsius {
  explicit Celsius(double value) : degrees(value) {}
  double degrees;
};

}  // namespace

template <>
struct Codec<Celsius> {
  static void encode(pickle::Encoder& encoder, const Celsius& value) {
    encoder.str(std::to_string(std::lround(value.degrees)) + " C");
  }
  static Celsius decode(const Object& object) {
    return Celsius(std::stod(object.get<std::string>()));
  }
};

namespace {

template <class T>
void expect_bounds_round_trip() {
  using Range = std::numeric_limits<T>;
  for (const T value : {Range::min(), T{0}, T{1}, T{100}, Range::max()}) expect_round_trip(value);
}

TEST(Codec, carries_every_integer_type_to_its_bounds) {
  expect_bounds_round_trip<char>();
  expect_bounds_round_trip<std::int8_t>();
  expect_bounds_round_trip<std::uint8_t>();
  expect_bounds_round_trip<std::int16_t>();
  expect_bounds_round_trip<std::uint16_t>();
  expect_bounds_round_trip<std::int32_t>();
  expect_bounds_round_trip<std::uint32_t>();
  expect_bounds_round_trip<std::int64_t>();
  expect_bounds_round_trip<std::uint64_t>();
}

TEST(Codec, carries_integers_around_every_power_of_two) {
  for (int bit = 0; bit < 63; ++bit)
    for (const std::int64_t near : {-1, 0, 1}) {
      expect_round_trip((std::int64_t{1} << bit) + near);
      expect_round_trip(-(std::int64_t{1} << bit) + near);
    }
}

TEST(Codec, carries_other_scalars) {
  expect_round_trip(true);
  expect_round_trip(-0.1);
  expect_round_trip(1.5F);
  EXPECT_TRUE(std::isnan(there_and_back(std::nan(""))));
  EXPECT_TRUE(std::signbit(there_and_back(-0.0)));
  expect_round_trip(std::string("caf\xc3\xa9 \xed\xa0\x80"));
  expect_round_trip(std::string(70'000, 'x'));
  expect_round_trip(Bytes(300, std::byte{0xff}));
  expect_round_trip(nullptr);
  expect_round_trip(Color::green);
  expect_round_trip(1500ms);
  expect_round_trip(std::complex<double>(1, -2));
  EXPECT_EQ(loads<std::string>(dumps("literal")), "literal");
  EXPECT_EQ(loads<std::string>(dumps(std::string_view("view"))), "view");
}

TEST(Codec, carries_containers) {
  expect_round_trip(std::vector<int>{1, 2, 3});
  expect_round_trip(std::vector<bool>{true, false});
  expect_round_trip(std::vector<std::vector<std::string>>{{"a"}, {}});
  expect_round_trip(std::deque<double>{1, 2});
  expect_round_trip(std::list<int>{1});
  expect_round_trip(std::array<int, 3>{1, 2, 3});
  expect_round_trip(std::map<std::string, int>{{"a", 1}, {"b", 2}});
  expect_round_trip(std::unordered_map<int, std::string>{{1, "x"}});
  expect_round_trip(std::set<int>{3, 1});
  expect_round_trip(std::unordered_set<std::string>{"a"});
  expect_round_trip(std::pair(1, std::string("b")));
  expect_round_trip(std::tuple(1, 2.5, std::string("c"), true));
  expect_round_trip(std::tuple<>());
  expect_round_trip(std::optional<int>());
  expect_round_trip(std::optional(7));
  expect_round_trip(std::variant<std::monostate, int, std::string>("x"));
}

TEST(Codec, carries_structs_as_tuples) {
  expect_round_trip(Point{1, 2.5});
  expect_round_trip(Job(7, "seven"));
  expect_round_trip(Tree{"a", Point{1, 2}, {Tree{"b", {}, {}}}});
  EXPECT_EQ(repr(loads<Object>(dumps(Point{1, 2.5}))), "(1, 2.5)");
  EXPECT_EQ(repr(loads<Object>(dumps(Job(7, "seven")))), "(7, 'seven')");
}

TEST(Codec, uses_the_codec_that_a_type_brings) {
  EXPECT_EQ(repr(loads<Object>(dumps(std::vector{Celsius(20)}))), "['20 C']");
  EXPECT_EQ(there_and_back(Celsius(20)).degrees, 20);
}

TEST(Codec, reads_what_python_counts_as_the_same) {
  EXPECT_EQ(loads<int>(dumps(true)), 1);
  EXPECT_EQ(loads<double>(dumps(3)), 3.0);
  EXPECT_EQ(loads<double>(dumps(std::numeric_limits<std::uint64_t>::max())), 0x1p64);
  EXPECT_EQ(loads<std::vector<int>>(dumps(std::tuple(1, 2))), (std::vector{1, 2}));
  EXPECT_EQ((loads<std::pair<int, int>>(dumps(std::vector{1, 2}))), std::pair(1, 2));
  EXPECT_EQ(loads<Bytes>(dumps(ByteArray{{std::byte{1}}})), Bytes{std::byte{1}});
}

TEST(Codec, names_what_it_expected_and_what_it_found) {
  EXPECT_EQ(refusal<int>("abc"), "expected int, found str 'abc'");
  EXPECT_EQ(refusal<bool>(1), "expected bool, found int 1");
  EXPECT_EQ(refusal<std::string>(nullptr), "expected str, found None");
  EXPECT_EQ(refusal<double>("x"), "expected float, found str 'x'");
  EXPECT_EQ(refusal<std::int8_t>(300), "expected an int from -128 to 127, found int 300");
  EXPECT_EQ(refusal<std::uint8_t>(-1), "expected an int from 0 to 255, found int -1");
  EXPECT_EQ(refusal<std::vector<int>>(Dict{}), "expected list, found dict {}");
  EXPECT_EQ(refusal<Point>(Tuple{{1}}), "expected 2 items, found 1: tuple (1,)");
  EXPECT_EQ(refusal<std::nullptr_t>(0), "expected None, found int 0");
  EXPECT_EQ(refusal<std::chrono::seconds>(1e300).substr(0, 28), "expected a duration in range");
}

TEST(Codec, refuses_to_write_a_string_that_is_not_utf8) {
  EXPECT_THROW((void)dumps(std::string("\xff")), PickleError);
}

TEST(Codec, writes_into_a_buffer_that_is_used_again) {
  ByteBuffer buffer;
  dumps(std::string(1000, 'a'), buffer);
  const std::size_t capacity = buffer.capacity();
  buffer.clear();
  dumps(5, buffer);
  EXPECT_EQ(buffer.capacity(), capacity);
  EXPECT_EQ(loads<int>(buffer), 5);
}

}  // namespace
}  // namespace shoal
