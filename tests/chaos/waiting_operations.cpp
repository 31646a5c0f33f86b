// Deaths among those who sleep and those who wake them. In each of them somebody else sleeps, and
// must go on without help. How long that takes is the stall that a death costs; it is recorded.
#include <unistd.h>

#include <algorithm>

#include "world.hpp"

namespace shoal::chaos {
namespace {

constexpr Item kVictims{1000, 40};

Item extra(std::size_t index) { return {2000 + index, 24}; }

void sleeper_gets(World& world) {
  world.park([&world](Role& role) {
    const auto got = world.get();
    must(got.has_value(), "a sleeper's get does not return");
    role.item = got->item;
    role.number = got->number;
  });
}

void sleeper_puts(World& world) {
  const Item item = extra(100 + world.sleepers.size());
  world.park([&world, item](Role& role) {
    must(world.put(item), "a sleeper's put does not return");
    role.item = item;
  });
}

void remember_witness(World& world) { world.ring->set_witness(&world.board.witness); }

// ------------------------------------------------------------------ consumers sleep

// Every number is delivered once, but for the one that a killed get may have had in hand.
void each_number_arrived_once(World& world) {
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < world.sleepers.size(); ++i) {
    numbers.push_back(world.board.sleepers[i].number);
  }
  const auto& victim = world.board.victim;
  const bool victim_got = victim.done && victim.item.size != 0;
  if (victim_got) numbers.push_back(victim.number);
  must(world.put(extra(200)), "a put that does not return");
  for (;;) {
    const auto got = world.get();
    must(got.has_value(), "a get that does not return");
    numbers.push_back(got->number);
    if (got->item == extra(200)) break;
  }
  const std::uint64_t end = numbers.back();
  std::sort(numbers.begin(), numbers.end());
  for (std::uint64_t number = 0, at = 0; number <= end; ++number) {
    if (at < numbers.size() && numbers[at] == number) {
      ++at;
      must(at == numbers.size() || numbers[at] != number, "an item was delivered twice");
    } else {
      must(!victim_got && number == world.board.witness, "an item was lost");
    }
  }
}

// The sleepers take what is there by themselves, and what comes then. A sleeper that has its item
// may not have said so yet: then there is an item more than sleepers, which stays.
void sleepers_go_on(World& world) {
  const std::size_t sleepers = world.sleepers.size();
  for (std::size_t next = 0;; ++next) {
    wait_until([&] { return world.ring->empty() || world.sleepers_back() == sleepers; },
               "there is an item, and everybody sleeps");
    if (world.sleepers_back() == sleepers) break;
    must(next < 1000, "items went where nobody is");
    must(world.put(extra(next)), "a put that does not return");
  }
  each_number_arrived_once(world);
}

Operation waking_put(std::string name, std::size_t sleepers) {
  return {.name = std::move(name),
          .prepare =
              [](World& world) {
                world.make_ring();
                world.victim_will_put(kVictims);
              },
          .operate = &World::victim_puts,
          .check = sleepers_go_on,
          .gather =
              [sleepers](World& world) {
                for (std::size_t i = 0; i < sleepers; ++i) sleeper_gets(world);
              }};
}

// A watcher died long ago, when nobody else slept: its word still stands there.
Operation after_a_dead_watcher(Operation operation) {
  operation.name += ", where a watcher died before";
  operation.prepare = [prepare = operation.prepare](World& world) {
    prepare(world);
    world.ring_words().not_empty.watcher = word_of_a_dead_process();
  };
  return operation;
}

// The victim sleeps for an item; `others` come to sleep before or after it.
Operation sleeping_get(std::string name, std::function<void(World&)> before,
                       std::function<void(World&)> after) {
  return {.name = std::move(name),
          .prepare = [](World& world) { world.make_ring(); },
          .operate = [](World& world) { world.victim_gets(); },
          .check = sleepers_go_on,
          .gather = std::move(before),
          .while_asleep = std::move(after),
          .warm_up = remember_witness};
}

Operation get_in_vain(std::string name, std::function<void(World&)> before,
                      std::function<void(World&)> after) {
  Operation operation = sleeping_get(std::move(name), std::move(before), std::move(after));
  operation.operate = [](World& world) {
    must(!world.get(os::Deadline::after(kInVain)), "an item from nowhere");
  };
  return operation;
}

// There are fewer items than sleepers; the victim may end up without.
Operation get_or_not(std::string name, std::function<void(World&)> before,
                     std::function<void(World&)> after) {
  Operation operation = sleeping_get(std::move(name), std::move(before), std::move(after));
  operation.operate = [](World& world) { world.victim_gets(os::Deadline::after(4 * kInVain)); };
  return operation;
}

std::vector<Operation> consumers_sleep() {
  const auto put_one = [](World& world) { world.already_there(kVictims); };
  const auto park_one = [](World& world) { sleeper_gets(world); };
  const auto park_one_and_put_two = [](World& world) {
    sleeper_gets(world);
    world.already_there({1, 30});
    world.already_there({2, 30});
  };
  const auto park_two_and_put_two = [park_one_and_put_two](World& world) {
    sleeper_gets(world);
    park_one_and_put_two(world);
  };
  return {
      waking_put("put that wakes a sleeping get", 1),
      waking_put("put that wakes one of three sleeping gets", 3),
      after_a_dead_watcher(waking_put("put that wakes a sleeping get", 1)),
      sleeping_get("get that sleeps until an item comes", {}, put_one),
      get_or_not("get that sleeps behind another one", park_one, park_one_and_put_two),
      get_or_not("get that sleeps as the watcher of two", {}, park_two_and_put_two),
      get_in_vain("get that waits in vain", {}, {}),
      get_in_vain("get that waits in vain behind another one", park_one, {}),
      get_in_vain("get that waits in vain as the watcher of another one", {}, park_one),
  };
}

// ------------------------------------------------------------------ producers sleep

constexpr std::uint64_t kFull = 2;

void full_ring(World& world) {
  world.make_ring(kFull);
  for (std::uint64_t id = 1; id <= kFull; ++id) world.already_there({id, 30});
}

// What was there comes first and in order, without what was taken before; then every other put, for
// which there is room now.
void all_puts_go_on(World& world) {
  const std::uint64_t taken = ring::Position(world.ring_words().head).items();
  const std::size_t others = world.sleepers.size();
  if (taken != 0 && others != 0) {
    wait_until([&] { return world.sleepers_back() > 0; }, "there is room, and everybody sleeps");
  }
  Items items;
  wait_until(
      [&] {
        while (const auto got = world.get(os::Deadline::now())) items.push_back(got->item);
        return world.sleepers_back() == others && world.ring->empty();
      },
      "a sleeping put does not return");
  must(world.ring->items() == 0, "an empty ring counts items");
  Items expected;
  for (std::uint64_t id = taken + 1; id <= kFull; ++id) expected.push_back({id, 30});
  must(std::equal(
           expected.begin(), expected.end(), items.begin(),
           items.begin() + static_cast<std::ptrdiff_t>(std::min(items.size(), expected.size()))),
       "the order is not kept: " + to_string(items));
  for (std::size_t i = 0; i < others; ++i) expected.push_back(extra(100 + i));
  const bool victims_came = std::find(items.begin(), items.end(), kVictims) != items.end();
  must(victims_came || !world.puts || !world.board.victim.done, "a put that returned is lost");
  if (victims_came) expected.push_back(kVictims);
  must(items.size() == expected.size() &&
           std::is_permutation(items.begin(), items.end(), expected.begin()),
       "there were " + to_string(items) + ", not " + to_string(expected));
}

std::vector<Operation> producers_sleep() {
  const auto take_one = [](World& world, std::uint64_t id) {
    const auto got = world.get();
    must(got && got->item.id == id, "the head is not the oldest item");
  };
  const auto full_for_victim = [](World& world) {
    full_ring(world);
    world.victim_will_put(kVictims);
  };
  return {
      {.name = "get that wakes a sleeping put",
       .prepare = full_ring,
       .operate = [](World& world) { world.victim_gets(); },
       .check = all_puts_go_on,
       .gather = [](World& world) { sleeper_puts(world); }},
      {.name = "get that wakes one of two sleeping puts",
       .prepare = full_ring,
       .operate = [](World& world) { world.victim_gets(); },
       .check = all_puts_go_on,
       .gather =
           [](World& world) {
             sleeper_puts(world);
             sleeper_puts(world);
           }},
      {.name = "put that sleeps until there is room",
       .prepare = full_for_victim,
       .operate = &World::victim_puts,
       .check = all_puts_go_on,
       .while_asleep = [take_one](World& world) { take_one(world, 1); }},
      {.name = "put that sleeps as the watcher of another one",
       .prepare = full_for_victim,
       .operate = &World::victim_puts,
       .check = all_puts_go_on,
       .while_asleep =
           [take_one](World& world) {
             sleeper_puts(world);
             take_one(world, 1);
             take_one(world, 2);
           }},
  };
}

}  // namespace

std::vector<Operation> waiting_operations() {
  std::vector<Operation> all = consumers_sleep();
  for (auto& operation : producers_sleep()) all.push_back(std::move(operation));
  return all;
}

}  // namespace shoal::chaos
