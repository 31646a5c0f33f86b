// Deaths around the signal for who waits by a descriptor: after each of them it can be read from
// wherever there is an item, or the ring is shut; and after a look at an empty ring it cannot.
#include <poll.h>
#include <unistd.h>

#include <utility>

#include "world.hpp"

namespace shoal::chaos {
namespace {

bool readable(const World& world) {
  pollfd asked{world.ring->bell().descriptor(), POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

/// Where the signal goes: through the pair of sockets of a nameless ring, or to the watches of one
/// that has a name, which the victim has from its parent. They end when the name is removed, and
/// can be read from until they are renewed.
enum class Way { kHold, kWatch, kEndedWatch };

// In a file as it has for those who have a name.
void make_named_ring(World& world) {
  static int made = 0;
  world.name = "chaos-signal-" + std::to_string(::getpid()) + "-" + std::to_string(++made);
  world.segment =
      shm::Segment::create_named(shm::Kind::kQueue, world.name, ring::Ring::segment_size(),
                                 [](std::byte* base) { ring::Ring::initialise(base, {}); });
  world.ring = std::make_unique<ring::Ring>(world.segment);
}

void make_unasked(World& world, Way way) {
  if (way != Way::kHold) {
    make_named_ring(world);
    return;
  }
  world.make_ring();
  ring::Hold::make(*world.segment);
}
void remove_name(World& world) {
  if (!world.name.empty()) shm::Segment::unlink(shm::Kind::kQueue, std::exchange(world.name, {}));
}
void end_watches(World& world, Way way) {
  if (way == Way::kEndedWatch) remove_name(world);
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
    end_watches(world, way);
    must(way != Way::kEndedWatch || readable(world), "a watch that ended, and nothing to read");
  };
}

void the_signal_is_right(World& world) {
  // Who finds it empty has looked, which may lower it.
  const auto consistent = [&] {
    must(readable(world) || world.ring->empty(), "an item, and nothing to read");
  };
  world.ring->signal_descriptor();  // asked for by now, wherever the victim died
  consistent();
  while (world.get(os::Deadline::now())) consistent();
  must(!readable(world), "raised for nothing after a look");
  must(world.ring->empty(), "an item that cannot be taken");
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
  must(readable(world) || world.ring->empty(), "an item, and nothing to read, at the death");
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
    end_watches(world, way);
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
                        end_watches(world, way);
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
      checked({.name = "empty of a ring whose signal was raised in vain",
               .prepare = raised_in_vain(way),
               .operate = [](World& world) { must(world.ring->empty(), "an item from nowhere"); }}),
      checked({.name = "items of a ring whose signal was raised in vain",
               .prepare = raised_in_vain(way),
               .operate =
                   [](World& world) { must(world.ring->items() == 0, "an item from nowhere"); }}),
  };
  all.insert(all.end(), asks.begin(), asks.end());
  for (const bool at_once : {false, true}) {
    for (const std::uint64_t items : {0U, 2U}) {
      all.push_back(shut_with_signal(way, at_once, items));
    }
  }
  for (Operation& operation : all) operation.tidy = remove_name;
  return all;
}

}  // namespace

std::vector<Operation> signal_operations() {
  std::vector<Operation> all = operations(Way::kHold);
  for (const Way way : {Way::kWatch, Way::kEndedWatch}) {
    for (Operation& operation : operations(way)) {
      operation.name += way == Way::kWatch ? ", a watch" : ", a watch that ended";
      all.push_back(std::move(operation));
    }
  }
  return all;
}

}  // namespace shoal::chaos
