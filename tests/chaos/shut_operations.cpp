// Deaths in shut: the ring is open or shut then, and who waits goes on.
#include <shoal/error.hpp>

#include "world.hpp"

namespace shoal::chaos {
namespace {

constexpr Item kMarker{2000, 24};
constexpr std::uint64_t kItems = 3;

ring::Shut state_of(const World& world) {
  return static_cast<ring::Shut>(world.ring_words().shut.load());
}

template <class Call>
bool is_shut(Call call) {
  try {
    static_cast<void>(call());
    return false;
  } catch (const ShutDown&) {
    return true;
  }
}

bool refuses_put(const World& world) {
  return is_shut([&] { return world.put(kMarker, os::Deadline::now()); });
}
bool refuses_get(const World& world) {
  return is_shut([&] { return world.get(os::Deadline::now()); });
}

// Open as before, or shut as was asked.
void open_or_shut(World& world, ring::Shut wanted) {
  const auto state = state_of(world);
  must(state == wanted || (state == ring::Shut::kNo && !world.board.victim.done),
       "neither open nor shut");
  if (state == ring::Shut::kNo) {
    must(world.put(kMarker, os::Deadline::now()), "an open ring takes no item");
    world.went_on();
    Items all = world.before;
    all.push_back(kMarker);
    must(world.take_all() == all, "an open ring holds other items");
    return;
  }
  must(refuses_put(world), "a ring that is shut takes an item");
  world.went_on();
  if (wanted == ring::Shut::kForPuts) {
    for (const Item& item : world.before) {
      const auto got = world.get(os::Deadline::now());
      must(got && got->item == item, "what was put before is lost");
    }
  }
  must(refuses_get(world), "there is something after the end");
  must(world.ring->empty() && world.ring->items() == 0, "items are counted after the end");
}

// All that is lost by the end are items that the victim was about to drop.
void join_goes_on(World& world) {
  if (state_of(world) != ring::Shut::kForAll) return;
  must(refuses_get(world), "there is something after the end");
  try {
    must(world.ring->join(os::Deadline::after(kDeadline)), "join waits for what was dropped");
  } catch (const ConsumerDied& died) {
    must(!world.board.victim.done && died.pid() == world.victim && died.items() <= kItems,
         "others than the victim are told of");
    for (std::size_t i = 0; i < died.items(); ++i) world.ring->end_item();
    must(world.ring->join(os::Deadline::after(kDeadline)), "join waits for what is done");
  }
}

Operation shut(std::string name, ring::Options options, bool at_once) {
  const auto wanted = at_once ? ring::Shut::kForAll : ring::Shut::kForPuts;
  return {.name = (at_once ? "shut at once" : "shut") + std::move(name),
          .prepare =
              [options](World& world) {
                world.make_ring(options);
                for (std::uint64_t id = 1; id <= kItems; ++id) world.already_there({id, 30});
              },
          .operate = [at_once](World& world) { world.ring->shut(at_once); },
          .check =
              [wanted, options](World& world) {
                if (options.joinable) join_goes_on(world);
                open_or_shut(world, wanted);
              }};
}

// Who sleeps notes whether it was told of the end.
void sleeper_gets(World& world) {
  world.park([&world](Role& role) { role.number = is_shut([&] { return world.get(); }) ? 1 : 2; });
}
void sleeper_puts(World& world) {
  world.park([&world](Role& role) {
    role.number = is_shut([&] { return world.put({1500, 24}); }) ? 1 : 2;
  });
}

void all_sleepers_are_told(World& world) {
  world.expect_sleepers_back();
  for (std::size_t i = 0; i < world.sleepers.size(); ++i) {
    must(world.board.sleepers[i].number == 1, "a sleeper is not told of the end");
  }
}

Operation waking_gets(bool at_once) {
  Operation operation = shut(" that wakes sleeping gets", {}, at_once);
  operation.prepare = [](World& world) { world.make_ring(); };
  operation.gather = [](World& world) {
    for (int i = 0; i < 2; ++i) sleeper_gets(world);
  };
  operation.check = [check = operation.check](World& world) {
    if (state_of(world) == ring::Shut::kNo) {
      for (int i = 0; i < 2; ++i) must(world.put(kMarker), "a put that does not return");
      world.expect_sleepers_back();
    } else {
      all_sleepers_are_told(world);
    }
    check(world);
  };
  return operation;
}

Operation waking_puts(bool at_once) {
  Operation operation = shut(" that wakes a sleeping put", {.max_items = kItems}, at_once);
  operation.gather = sleeper_puts;
  operation.check = [check = operation.check](World& world) {
    if (state_of(world) == ring::Shut::kNo) {
      must(world.get().has_value(), "a full ring without items");
      world.expect_sleepers_back();
      return;
    }
    all_sleepers_are_told(world);
    check(world);
  };
  return operation;
}

// What a process that was killed left undropped is dropped by the next to come.
Operation dropping_get() {
  return {.name = "get from a ring that is shut at once and not empty",
          .prepare =
              [](World& world) {
                world.make_ring();
                for (std::uint64_t id = 1; id <= kItems; ++id) world.already_there({id, 30});
                world.ring_words().shut = static_cast<std::uint32_t>(ring::Shut::kForAll);
              },
          .operate = [](World& world) { must(refuses_get(world), "an item after the end"); },
          .check = [](World& world) { open_or_shut(world, ring::Shut::kForAll); }};
}

Operation with_signal(bool at_once) {
  Operation operation = shut(" of a ring whose signal was asked for", {}, at_once);
  operation.prepare = [](World& world) {
    world.make_ring();
    ring::Hold::make(*world.segment);
    world.ring->signal_descriptor();
  };
  return operation;
}

}  // namespace

std::vector<Operation> shut_operations() {
  std::vector<Operation> all;
  for (const bool at_once : {false, true}) {
    all.push_back(shut("", {}, at_once));
    all.push_back(shut(" of a joinable ring", {.joinable = true}, at_once));
    all.push_back(waking_gets(at_once));
    all.push_back(waking_puts(at_once));
    all.push_back(with_signal(at_once));
  }
  all.push_back(dropping_get());
  return all;
}

}  // namespace shoal::chaos
