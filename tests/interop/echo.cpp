// The C++ side of python/tests/test_interop.py: takes values from one queue and answers in another,
// until the string "the end" comes.
//
//     interop_echo open FROM TO MODE        queues by name
//     interop_echo attach FROM TO MODE      queues by inherited descriptor
//     interop_echo make FROM TO MODE        makes both, by name, and says "made"
//     interop_echo lock NAME                holds a lock until its standard input ends
//     interop_echo bytes FROM TO            makes both, of AsBytes<Pair>, says "made", answers one
//
// MODE is what is done with each value:
//     object    read as a value of any type and sent back
//     describe  answered by Python's repr of it, as C++ sees it
//     typed     read as the C++ type that the string before it names, and sent back
#include <array>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <shoal/shoal.hpp>
#include <string>
#include <tuple>
#include <vector>

namespace {

using shoal::Object;
using shoal::Queue;

constexpr const char* kEnd = "the end";

struct Point {
  int x;
  double y;
  std::string label;
};

struct Pair {
  std::int64_t number;
  double real;
};

struct Ends {
  shoal::QueueBase from;
  shoal::QueueBase to;
};

template <class T>
Queue<T> as(const shoal::QueueBase& queue) {
  return Queue<T>(queue.core());
}

void echo_objects(const Ends& ends, const std::function<Object(const Object&)>& answer) {
  auto from = as<Object>(ends.from);
  auto to = as<Object>(ends.to);
  for (Object item = from.get(); item != Object(kEnd); item = from.get()) to.put(answer(item));
}

template <class T>
void echo_one(const Ends& ends) {
  try {
    as<T>(ends.to).put(as<T>(ends.from).get());
  } catch (const shoal::PickleError& error) {
    as<std::vector<std::string>>(ends.to).put({"PickleError", error.what()});
  }
}

void echo_typed(const Ends& ends) {
  const std::map<std::string, std::function<void(const Ends&)>> types{
      {"bool", echo_one<bool>},
      {"int8", echo_one<std::int8_t>},
      {"int32", echo_one<std::int32_t>},
      {"int64", echo_one<std::int64_t>},
      {"uint64", echo_one<std::uint64_t>},
      {"float", echo_one<float>},
      {"double", echo_one<double>},
      {"string", echo_one<std::string>},
      {"bytes", echo_one<shoal::Bytes>},
      {"optional int", echo_one<std::optional<int>>},
      {"list of int", echo_one<std::vector<int>>},
      {"list of double", echo_one<std::vector<double>>},
      {"three floats", echo_one<std::array<float, 3>>},
      {"list of bool", echo_one<std::vector<bool>>},
      {"list of strings", echo_one<std::vector<std::string>>},
      {"map", echo_one<std::map<std::string, double>>},
      {"tuple", echo_one<std::tuple<int, std::string, bool>>},
      {"struct", echo_one<Point>},
      {"object", echo_one<Object>},
  };
  auto names = as<std::string>(ends.from);
  for (std::string name = names.get(); name != kEnd; name = names.get()) types.at(name)(ends);
}

Ends find(const std::string& how, const std::string& from, const std::string& to) {
  if (how == "open") return {Queue<Object>::open(from), Queue<Object>::open(to)};
  if (how == "attach") {
    return {Queue<Object>::attach(std::stoi(from)), Queue<Object>::attach(std::stoi(to))};
  }
  Ends made{Queue<Object>({.name = from}), Queue<Object>({.maxsize = 3, .name = to})};
  std::cout << "made" << std::endl;
  return made;
}

void answer_bytes(const std::string& from, const std::string& to) {
  Queue<shoal::AsBytes<Pair>> requests({.name = from});
  Queue<shoal::AsBytes<Pair>> answers({.name = to});
  std::cout << "made" << std::endl;
  const Pair pair = requests.get();
  answers.put(Pair{pair.number + 1, pair.real * 2});
}

void hold_lock(const std::string& name) {
  auto lock = shoal::Lock::open(name);
  const auto acquired = lock.acquire();
  std::cout << (acquired.owner_died() ? "acquired from the dead" : "acquired") << std::endl;
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  lock.release();
}

}  // namespace

int main(int argc, char** argv) {
  shoal::init(argc, argv);
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() == 2 && args[0] == "lock") {
    hold_lock(args[1]);
    return 0;
  }
  if (args.size() == 3 && args[0] == "bytes") {
    answer_bytes(args[1], args[2]);
    return 0;
  }
  if (args.size() != 4) return 2;
  const Ends ends = find(args[0], args[1], args[2]);
  if (args[3] == "object") echo_objects(ends, [](const Object& item) { return item; });
  if (args[3] == "describe") {
    echo_objects(ends, [](const Object& item) { return Object(shoal::repr(item)); });
  }
  if (args[3] == "typed") echo_typed(ends);
  return 0;
}
