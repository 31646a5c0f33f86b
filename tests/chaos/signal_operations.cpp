// Deaths around the signal for who waits by a descriptor: after each of them it can be read from
// wherever there is an item, or the ring is shut; and after a look at an empty ring it cannot.
#include <poll.h>

#include "world.hpp"

namespace shoal::chaos {
namespace {

bool readable(const World& world) {
  pollfd asked{world.ring->bell().descriptor(), POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

/// Where the signal goes: through the pair of sockets of a nameless ring, or to the watches of one
/// that has a name, which the victim has from its parent.
enum class Way { kHold, kWatch };

void make_unasked(World& world, Way way) {
  world.make_ring();  // it has a name
  if (way == Way::kHold) ring::Hold::make(*world.segment);
}
void make(World& world, Way way) {
  make_unasked(world, way);
  world.ring->signal_descriptor();
}

std::function<void(World&)> with(Way way, std::uint64_t items) {
  return [=](World& world) {
    make(world, way);
    for (std::uint64_t id = 1; id <= items; ++id) world.already_there({id, 30});
    must(readable(world) == (items != 0), "a signal that says something else from the start");
  };
}

void the_signal_is_right(World& world) {
  const auto consistent = [&] {
    must(world.ring->empty() || readable(world), "an item, and nothing to read");
  };
  world.ring->signal_descriptor();  // asked for by now, wherever the victim died
  consistent();
  while (!world.ring->empty()) {
    must(world.get(os::Deadline::now()).has_value(), "an item that cannot be taken");
    consistent();
  }
  must(!world.get(os::Deadline::now()), "an item from nowhere");
  must(!readable(world), "raised for nothing after a look");
  world.went_on();
  for (int round = 0; round < 3; ++round) {
    must(world.put({3000, 30}), "cannot put any more");
    must(readable(world), "an item, and nothing to read");
    must(world.get().has_value(), "cannot get any more");
    must(!readable(world), "nothing is left, and the signal stays");
  }
}

// In front of anything that puts it right: who sleeps in poll does not look.
void at_death(World& world) {
  must(world.ring->empty() || readable(world), "an item, and nothing to read, at the death");
}

Operation checked(Operation operation) {
  operation.check = [](World& world) {
    at_death(world);
    the_signal_is_right(world);
  };
  return operation;
}

Operation put_with_signal(std::string name, std::function<void(World&)> prepare) {
  return checked({.name = "put into a ring with a signal" + std::move(name),
                  .prepare =
                      [prepare = std::move(prepare)](World& world) {
                        prepare(world);
                        world.victim_will_put({1000, 40});
                      },
                  .operate = &World::victim_puts});
}

Operation get_with_signal(std::string name, std::function<void(World&)> prepare) {
  return checked({.name = "get from a ring with a signal" + std::move(name),
                  .prepare = std::move(prepare),
                  .operate = [](World& world) { world.victim_gets(os::Deadline::now()); }});
}

// A producer died after it had raised the signal, and before it could say so.
std::function<void(World&)> raised_in_vain(Way way) {
  return [way](World& world) {
    make(world, way);
    world.ring->bell().raise();
    world.ring_words().producers.owner = word_of_a_dead_process();
  };
}

Operation shut_with_signal(Way way, bool at_once, std::uint64_t items) {
  return {.name = std::string("shut ") + (at_once ? "at once" : "for puts") +
                  " of a ring with a signal and " + std::to_string(items) + " items",
          .prepare = with(way, items),
          .operate = [at_once](World& world) { world.ring->shut(at_once); },
          .check =
              [](World& world) {
                at_death(world);
                if (world.ring_words().shut == 0) {
                  must(!world.board.victim.done, "shut returned without effect");
                  the_signal_is_right(world);
                  return;
                }
                must(readable(world), "shut, and nothing to read");
                for (int i = 0; i < 5; ++i) {
                  try {
                    static_cast<void>(world.get(os::Deadline::now()));
                  } catch (const std::exception&) {  // ShutDown
                  }
                }
                must(readable(world), "it is not so for ever");
                world.went_on();
              }};
}

Operation asking(Way way, std::string name, std::uint64_t items) {
  return checked({.name = "asking for the signal of " + std::move(name),
                  .prepare =
                      [=](World& world) {
                        make_unasked(world, way);
                        for (std::uint64_t id = 1; id <= items; ++id) {
                          world.already_there({id, 30});
                        }
                      },
                  .operate = [](World& world) { world.ring->signal_descriptor(); }});
}

std::vector<Operation> operations(Way way) {
  std::vector<Operation> asks = {asking(way, "an empty ring", 0), asking(way, "a ring of two", 2)};
  for (auto& ask : asks) ask.check = the_signal_is_right;  // nobody waits before that
  std::vector<Operation> all = {
      put_with_signal("", with(way, 0)),
      put_with_signal(" and an item", with(way, 1)),
      put_with_signal(" raised in vain", raised_in_vain(way)),
      get_with_signal(" and two items", with(way, 2)),
      get_with_signal(" and one item", with(way, 1)),
      get_with_signal(" and nothing else", with(way, 0)),
      get_with_signal(" raised in vain", raised_in_vain(way)),
      checked({.name = "get_many of all from a ring with a signal",
               .prepare = with(way, 3),
               .operate =
                   [](World& world) {
                     std::array<std::byte, 256> room{};
                     std::vector<ring::Slice> slices;
                     world.ring->get_many(room, 5, slices, os::Deadline::now());
                   }}),
      checked({.name = "wait_for_item in vain, by a ring whose signal was raised in vain",
               .prepare = raised_in_vain(way),
               .operate =
                   [](World& world) {
                     must(!world.ring->wait_for_item(os::Deadline::now()), "an item from nowhere");
                   }}),
  };
  all.insert(all.end(), asks.begin(), asks.end());
  for (const bool at_once : {false, true}) {
    for (const std::uint64_t items : {0U, 2U}) {
      all.push_back(shut_with_signal(way, at_once, items));
    }
  }
  return all;
}

}  // namespace

std::vector<Operation> signal_operations() {
  std::vector<Operation> all = operations(Way::kHold);
  for (Operation& operation : operations(Way::kWatch)) {
    operation.name += ", a watch";
    all.push_back(std::move(operation));
  }
  return all;
}

}  // namespace shoal::chaos
