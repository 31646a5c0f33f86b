// What a process can run, and with which arguments.
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <shoal/lock.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>

#include "support/board.hpp"
#include "support/start_methods.hpp"

namespace {

using shoal::Process;
using shoal::ProcessOptions;
using shoal::StartMethod;
using support::Board;

class TargetTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, TargetTest, support::kStartMethods, support::start_method_name);

std::optional<int> run(Process process) {
  process.start();
  process.join();
  return process.exitcode();
}

template <class... Args>
std::string error_of_start(StartMethod method, Args&&... args) {
  Process process({.start_method = method}, std::forward<Args>(args)...);
  try {
    process.start();
  } catch (const shoal::ProcessError& error) {
    return error.what();
  }
  return "(it started)";
}

struct Place {
  std::string name;
  double x = 0;
  std::map<std::string, int> counts;
};

void add(int a, long b) { std::exit(static_cast<int>(a + b)); }
void check_place(const Place& place, std::string_view text, const char* literal) {
  const bool same = place.name == "here" && place.counts.at("a") == 5 && text == "view";
  std::exit(same && std::string(literal) == "literal" ? 11 : 12);
}
void apply(void (*function)(int, long), int value) { function(value, 1); }
void nothing() noexcept {}

struct Animal {
  int legs = 0;
  explicit Animal(int count = 0) : legs(count) {}
  virtual ~Animal() = default;
  Animal(const Animal&) = default;
  virtual void answer() { std::exit(legs); }
  void count_twice(int more) const { std::exit(2 * legs + more); }
  static constexpr auto shoal_fields = std::tuple{&Animal::legs};
};
struct Bird : Animal {
  using Animal::Animal;
  void answer() override { std::exit(100 + legs); }
  static constexpr auto shoal_fields = std::tuple{&Bird::legs};
};
struct Multiply {
  int factor;
  void operator()(int value) const { std::exit(factor * value); }
};

TEST_P(TargetTest, is_a_function_with_arguments_of_other_types) {
  EXPECT_EQ(run(Process(add, short{3}, 4)), 7);
}

TEST_P(TargetTest, takes_structs_containers_and_texts) {
  const Place place{"here", 1.5, {{"a", 5}}};
  EXPECT_EQ(run(Process(check_place, place, std::string_view("view"), "literal")), 11);
}

TEST_P(TargetTest, takes_functions) { EXPECT_EQ(run(Process(apply, add, 20)), 21); }

TEST_P(TargetTest, is_a_lambda_without_captures) {
  EXPECT_EQ(run(Process([](int a, auto b) { std::exit(a * b); }, 6, 7)), 42);
}

TEST_P(TargetTest, is_a_noexcept_function) { EXPECT_EQ(run(Process(nothing)), 0); }

TEST_P(TargetTest, is_a_callable_with_fields) { EXPECT_EQ(run(Process(Multiply{5}, 8)), 40); }

TEST_P(TargetTest, is_a_member_function_of_an_object) {
  EXPECT_EQ(run(Process(&Animal::count_twice, Animal(4), 1)), 9);
}

TEST_P(TargetTest, is_a_member_function_of_a_base) {
  EXPECT_EQ(run(Process(&Animal::count_twice, Bird(2), 1)), 5);
}

TEST_P(TargetTest, is_a_virtual_member_function) {
  EXPECT_EQ(run(Process(&Animal::answer, Bird(2))), 102);
}

void take_from_and_put_to(shoal::Queue<std::string> from, shoal::Queue<int> to, shoal::Lock lock) {
  const std::scoped_lock guard(lock);
  to.put(static_cast<int>(from.get().size()));
}

TEST_P(TargetTest, takes_queues_and_locks) {
  shoal::Queue<std::string> from;
  shoal::Queue<int> to;
  Process process(take_from_and_put_to, from, to, shoal::Lock());
  process.start();
  from.put("twelve chars");
  EXPECT_EQ(to.get_for(support::kDeadline), 12);
  process.join();
  EXPECT_EQ(process.exitcode(), 0);
}

struct Worker {
  shoal::Queue<int> out;
  std::vector<int> values;
  void run(int factor) {
    for (const int value : values) out.put(factor * value);
  }
};

TEST_P(TargetTest, is_a_member_function_of_an_object_that_holds_queues) {
  const Worker worker{shoal::Queue<int>(), {1, 2, 3}};
  EXPECT_EQ(run(Process(&Worker::run, worker, 10)), 0);
  EXPECT_EQ(worker.out.qsize(), 3U);
}

TEST_P(TargetTest, takes_large_arguments) {
  const std::vector<double> values(3'000'000, 0.5);
  EXPECT_EQ(run(Process(
                [](const std::vector<double>& all) {
                  std::exit(all.size() == 3'000'000 && all.back() == 0.5 ? 5 : 6);
                },
                values)),
            5);
}

TEST_P(TargetTest, destroys_its_arguments_in_the_child) {
  struct Noted {
    Board board;
    bool told = false;
    ~Noted() {
      if (told) board.note("destroyed");
    }
    Noted() = default;
    Noted(const Noted&) = default;
    Noted& operator=(const Noted&) = default;
  };
  if (GetParam() != StartMethod::fork) GTEST_SKIP() << "a local type without a Codec";
  const Board board = Board::make();
  auto noted = std::make_unique<Noted>();
  noted->board = board;
  EXPECT_EQ(
      run(Process([](const std::unique_ptr<Noted>& one) { one->told = true; }, std::move(noted))),
      0);
  EXPECT_TRUE(board.has("destroyed"));
}

TEST(ForkTarget, is_anything_that_can_be_called) {
  int here = 30;
  EXPECT_EQ(run(Process([here](int more) { std::exit(here + more); }, 3)), 33);
  EXPECT_EQ(run(Process(std::function<void()>([&here] { std::exit(here); }))), 30);
  EXPECT_EQ(
      run(Process([](std::unique_ptr<int> only) { std::exit(*only); }, std::make_unique<int>(5))),
      5);
  EXPECT_EQ(run(Process([](int& value) { std::exit(value); }, std::ref(here))), 30);
  Animal animal(8);
  EXPECT_EQ(run(Process(&Animal::answer, &animal)), 8);
}

class TravelTest : public testing::TestWithParam<StartMethod> {};
INSTANTIATE_TEST_SUITE_P(Each, TravelTest,
                         testing::Values(StartMethod::spawn, StartMethod::forkserver),
                         support::start_method_name);

TEST_P(TravelTest, names_the_argument_that_cannot_travel) {
  int here = 1;
  const auto error = error_of_start(GetParam(), [](int, int*) {}, 5, &here);
  EXPECT_NE(error.find("cannot start"), std::string::npos) << error;
  EXPECT_NE(error.find("argument 2, of type int*"), std::string::npos) << error;
  EXPECT_NE(
      error_of_start(
          GetParam(), [](std::vector<std::unique_ptr<int>>) {}, std::vector<std::unique_ptr<int>>())
          .find("argument 1"),
      std::string::npos);
}

TEST_P(TravelTest, names_the_target_that_cannot_travel) {
  int here = 1;
  const auto error = error_of_start(GetParam(), [here] { std::exit(here); });
  EXPECT_NE(error.find("the target"), std::string::npos) << error;
}

TEST_P(TravelTest, can_be_started_by_fork_after_it_was_refused) {
  const Board board = Board::make();
  Process process({.start_method = GetParam()}, [&board](int) { board.note("ran"); }, 1);
  EXPECT_THROW(process.start(), shoal::ProcessError);
  EXPECT_FALSE(process.is_alive());
  EXPECT_TRUE(shoal::active_children().empty());
}

struct Spoilt {
  int value = 0;
};

}  // namespace

template <>
struct shoal::Codec<Spoilt> {
  static void encode(pickle::Encoder& encoder, const Spoilt& spoilt) {
    if (spoilt.value == 0) throw PickleError("spoilt");
    encoder.integer(spoilt.value);
  }
  static Spoilt decode(const Object&) { throw std::runtime_error("cannot be read"); }
};

namespace {

TEST_P(TravelTest, passes_on_what_a_codec_throws_in_the_starter) {
  Process process({.start_method = GetParam()}, [](int, Spoilt) {}, 1, Spoilt{0});
  try {
    process.start();
    FAIL() << "it started";
  } catch (const shoal::PickleError& error) {
    EXPECT_NE(std::string(error.what()).find("argument 2: spoilt"), std::string::npos);
  }
}

TEST_P(TravelTest, brings_what_a_codec_throws_in_the_child) {
  Process process({.start_method = GetParam()}, [](Spoilt) {}, Spoilt{1});
  process.start();
  process.join();
  EXPECT_EQ(process.exitcode(), 1);
  EXPECT_EQ(process.exception(), "std::runtime_error: cannot be read");
}

void registered(const std::string& text, long number) {
  std::exit(static_cast<int>(number) + static_cast<int>(text.size()));
}
SHOAL_REGISTER(registered);
SHOAL_REGISTER(&Animal::count_twice);

TEST_P(TravelTest, enters_a_registered_function_by_its_name) {
  EXPECT_EQ(run(Process({.start_method = GetParam()}, registered, "four", 5)), 9);
  EXPECT_EQ(run(Process({.start_method = GetParam()}, &Animal::count_twice, Animal(1), 1)), 3);
}

std::string count_error(StartMethod method, std::size_t count) {
  const std::vector<shoal::Queue<int>> queues = [count] {
    std::vector<shoal::Queue<int>> made;
    for (std::size_t i = 0; i < count; ++i) made.emplace_back();
    return made;
  }();
  Process process(
      {.start_method = method},
      [](std::vector<shoal::Queue<int>> all) {
        for (auto& queue : all) queue.put(1);
      },
      queues);
  try {
    process.start();
  } catch (const shoal::ProcessError& error) {
    return error.what();
  }
  process.join();
  std::size_t filled = 0;
  for (const auto& queue : queues) filled += queue.qsize();
  return std::to_string(filled);
}

TEST(Descriptors, travel_by_forkserver_up_to_a_number_that_the_error_tells) {
  EXPECT_EQ(count_error(StartMethod::forkserver, 83), "83");  // of three descriptors each
  const auto error = count_error(StartMethod::forkserver, 84);
  EXPECT_NE(error.find("252 descriptors"), std::string::npos) << error;
  EXPECT_NE(error.find("at most 251"), std::string::npos) << error;
  EXPECT_EQ(count_error(StartMethod::spawn, 300), "300");
}

}  // namespace
