// Deaths around Event. Who waited when it was set goes on, whoever else died.
#include "world.hpp"

namespace shoal::chaos {
namespace {

using Part = std::function<void(World&)>;

std::uint64_t state(const World& world) {
  return world.event->place().slot<shm::EventSlot>().state.load();
}

void sleeper_waits(World& world) {
  world.park([&world](Role&) {
    must(world.event->wait(os::Deadline::after(kDeadline)), "a sleeper's wait does not return");
  });
}

Part park(std::size_t sleepers) {
  return [sleepers](World& world) {
    for (std::size_t i = 0; i < sleepers; ++i) sleeper_waits(world);
  };
}

// All sleepers began to wait before it was ever set: where it was, they need no help.
void sleepers_go_on(World& world) {
  const std::uint64_t before = state(world);
  must(before <= 3, "set more often than that");
  if (before == 0) {
    must(!world.board.victim.done, "a set that returned is lost");
    must(world.sleepers_back() == 0, "a wait that returned before it was set");
    world.event->set();
  }
  world.expect_sleepers_back();
  world.went_on();
  world.event->clear();
  must(!world.event->is_set() && !world.event->wait(os::Deadline::now()), "cleared, and set");
  world.event->set();
  must(world.event->wait(os::Deadline::after(kDeadline)), "set, and a wait does not return");
  must(state(world) == (before == 0 ? 5 : before / 2 * 2 + 3), "sets are miscounted");
}

Operation event_operation(std::string name, Part operate, std::size_t sleepers) {
  return {.name = std::move(name),
          .prepare = &World::make_event,
          .operate = std::move(operate),
          .check = sleepers_go_on,
          .gather = park(sleepers)};
}

Operation sleeping_wait(std::string name, Part gather, Part while_asleep) {
  Operation operation = event_operation(
      std::move(name),
      [](World& world) {
        must(world.event->wait(os::Deadline::after(kDeadline)), "a wait does not return");
      },
      0);
  operation.gather = std::move(gather);
  operation.while_asleep = std::move(while_asleep);
  return operation;
}

Operation after_a_dead_watcher(Operation operation) {
  operation.name += ", where a watcher died before";
  operation.prepare = [](World& world) {
    world.make_event();
    world.event->parking().watcher = word_of_a_dead_process();
  };
  return operation;
}

void set_it(World& world) { world.event->set(); }

}  // namespace

std::vector<Operation> event_operations() {
  const auto set_and_clear = [](World& world) {
    world.event->set();
    world.event->clear();
  };
  const auto park_and_set = [](std::size_t sleepers) {
    return [sleepers](World& world) {
      park(sleepers)(world);
      world.event->set();
    };
  };
  Operation clear = event_operation("Event: clear", [](World& world) { world.event->clear(); }, 0);
  clear.prepare = [](World& world) {
    world.make_event();
    world.event->set();
  };
  Operation vain = sleeping_wait("Event: wait in vain beside another one", park(1), {});
  vain.operate = [](World& world) {
    must(!world.event->wait(os::Deadline::after(kInVain)), "a wait that returned without a set");
    world.event->set();
  };
  return {
      event_operation("Event: set", set_it, 0),
      event_operation("Event: set with a sleeper", set_it, 1),
      after_a_dead_watcher(event_operation("Event: set with a sleeper", set_it, 1)),
      event_operation("Event: set with three sleepers", set_it, 3),
      event_operation("Event: set and clear with three sleepers", set_and_clear, 3),
      clear,
      sleeping_wait("Event: wait that sleeps until the set", {}, set_it),
      sleeping_wait("Event: wait that sleeps as the watcher of three", {}, park_and_set(3)),
      sleeping_wait("Event: wait that sleeps behind three", park(3), set_it),
      vain,
  };
}

}  // namespace shoal::chaos
