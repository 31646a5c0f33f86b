// Deaths around Semaphore. Permits are counted: of a plain one the dead may have taken one along, a
// tracked one loses none.
#include <unistd.h>

#include "world.hpp"

namespace shoal::chaos {
namespace {

using Part = std::function<void(World&)>;

bool acquired(const World& world) {
  return world.semaphore->acquire(os::Deadline::after(kDeadline));
}

Part plain(std::uint64_t value) {
  return [value](World& world) { world.make_semaphore({.value = value}); };
}
Part tracked(std::uint64_t value) {
  return [value](World& world) { world.make_semaphore({.value = value, .tracked = true}); };
}

void victim_acquires(World& world) { must(acquired(world), "an acquire that does not return"); }
void victim_releases(World& world) { world.semaphore->release(1); }

Part park(Part body, std::size_t sleepers) {
  return [body = std::move(body), sleepers](World& world) {
    for (std::size_t i = 0; i < sleepers; ++i) {
      world.park([&](Role&) { body(world); });
    }
  };
}

void keep_one(World& world) { must(acquired(world), "a sleeper's acquire does not return"); }
void pass_through(World& world) {
  keep_one(world);
  world.semaphore->release(1);
}

Part give(std::uint64_t permits) {
  return [permits](World& world) {
    world.semaphore->release(permits);
    world.given += permits;
  };
}

void take_all(World& world, std::uint64_t permits) {
  for (std::uint64_t i = 0; i < permits; ++i) {
    must(world.semaphore->acquire(os::Deadline::now()), "a permit is missing");
  }
  must(!world.semaphore->acquire(os::Deadline::now()), "a permit too many");
  must(world.semaphore->value() == 0, "a permit that nobody gets");
}

// ------------------------------------------------------------------ plain

// Nobody sleeps while there is a permit. Sleepers keep theirs, so the survivor gives more until all
// have one. `value`: with which it was made; `change`: of the permits, by the victim.
Part permits_are_exact(std::uint64_t value, int change) {
  return [value, change](World& world) {
    const std::uint64_t sleepers = world.sleepers.size();
    std::uint64_t known = value + world.given;
    for (std::size_t i = 0;; ++i) {
      wait_until([&] { return world.semaphore->value() == 0 || world.sleepers_back() == sleepers; },
                 "there is a permit, and somebody sleeps");
      if (world.sleepers_back() == sleepers) break;
      must(i < 1000, "permits went where nobody is");
      world.semaphore->release(1);
      ++known;
    }
    world.went_on();
    const std::uint64_t seen = world.semaphore->value() + sleepers;
    const std::uint64_t changed = known + static_cast<std::uint64_t>(change);
    must(seen == changed || (seen == known && !world.board.victim.done),
         "there were " + std::to_string(known) + " permits, now " + std::to_string(seen));
    take_all(world, seen - sleepers);
    world.semaphore->release(2);
    take_all(world, 2);
  };
}

Operation acquire_of_plain(std::string name, Part gather, Part while_asleep) {
  return {.name = std::move(name),
          .prepare = plain(0),
          .operate = victim_acquires,
          .check = permits_are_exact(0, -1),
          .gather = std::move(gather),
          .while_asleep = std::move(while_asleep)};
}

Operation release_of_plain(std::string name, std::size_t sleepers) {
  return {.name = std::move(name),
          .prepare = plain(0),
          .operate = victim_releases,
          .check = permits_are_exact(0, 1),
          .gather = park(keep_one, sleepers)};
}

Operation after_a_dead_watcher(Operation operation) {
  operation.name += ", where a watcher died before";
  operation.prepare = [prepare = operation.prepare](World& world) {
    prepare(world);
    world.semaphore->parking().watcher = word_of_a_dead_process();
  };
  return operation;
}

std::vector<Operation> plain_ones() {
  const auto park_two = park(keep_one, 2);
  const auto park_two_and_give = [=](std::uint64_t permits) {
    return [=](World& world) {
      park_two(world);
      give(permits)(world);
    };
  };
  Operation free = acquire_of_plain("Semaphore: acquire when free", {}, {});
  free.prepare = plain(2);
  free.check = permits_are_exact(2, -1);
  Operation vain =
      acquire_of_plain("Semaphore: acquire in vain beside another one", park(keep_one, 1), {});
  vain.operate = [](World& world) {
    must(!world.semaphore->acquire(os::Deadline::after(kInVain)), "a permit from nowhere");
  };
  vain.check = permits_are_exact(0, 0);
  Operation three = release_of_plain("Semaphore: release of three with three sleepers", 3);
  three.operate = [](World& world) { world.semaphore->release(3); };
  three.check = permits_are_exact(0, 3);
  return {
      free,
      acquire_of_plain("Semaphore: acquire that sleeps until the release", {}, give(1)),
      acquire_of_plain("Semaphore: acquire that sleeps behind two", park_two, give(3)),
      acquire_of_plain("Semaphore: acquire that sleeps as the watcher of two", {},
                       park_two_and_give(3)),
      vain,
      release_of_plain("Semaphore: release", 0),
      release_of_plain("Semaphore: release with a sleeper", 1),
      after_a_dead_watcher(release_of_plain("Semaphore: release with a sleeper", 1)),
      release_of_plain("Semaphore: release with three sleepers", 3),
      three,
  };
}

// ------------------------------------------------------------------ tracked

// Sleepers give back what they got: all go on, and then each permit is there.
Part none_is_lost(std::uint64_t least, std::uint64_t most) {
  return [least, most](World& world) {
    world.expect_sleepers_back();
    world.went_on();
    std::uint64_t permits = 0;
    while (world.semaphore->acquire(os::Deadline::now())) ++permits;
    must(permits >= (world.board.victim.done ? most : least) && permits <= most,
         "there are " + std::to_string(permits) + " permits");
    world.semaphore->release(permits);
    must(world.semaphore->value() == permits, "a permit is missing");
    take_all(world, permits);
    world.semaphore->release(permits + 1);  // one of nobody's: it is added
    take_all(world, permits + 1);
  };
}

Operation of_tracked(std::string name, Part prepare, Part operate, Part gather = {}) {
  return {.name = "tracked Semaphore: " + std::move(name),
          .prepare = std::move(prepare),
          .operate = std::move(operate),
          .check = none_is_lost(1, 1),
          .gather = std::move(gather)};
}

Operation release_of_tracked(std::string name, std::size_t sleepers) {
  Operation operation =
      of_tracked(std::move(name), tracked(1), victim_releases, park(pass_through, sleepers));
  operation.warm_up = victim_acquires;
  return operation;
}

void held_by_the_dead(World& world) {
  tracked(1)(world);
  world.semaphore->place().slot<shm::TrackedSemaphoreSlot>().permits[0] = word_of_a_dead_process();
}

void held_by_supervisor(World& world) {
  tracked(1)(world);
  must(acquired(world), "a new semaphore has no permit");
}

void give_back(World& world) {
  const auto& permit = world.semaphore->place().slot<shm::TrackedSemaphoreSlot>().permits[0];
  if (os::pid_of(permit) == os::pid_of(os::self())) world.semaphore->release(1);
}

void held_by_another(World& world) {
  tracked(1)(world);
  world.owner = Child::start([&world] {
    must(acquired(world), "a new semaphore has no permit");
    for (;;) ::pause();
  });
  wait_until([&] { return world.semaphore->value() == 0; }, "an acquire that does not return");
}

Operation sleeping_acquire(std::string name, Part prepare, Part gather, Part while_asleep,
                           Part at_death) {
  Operation operation =
      of_tracked(std::move(name), std::move(prepare), victim_acquires, std::move(gather));
  operation.while_asleep = std::move(while_asleep);
  operation.at_death = std::move(at_death);
  return operation;
}

std::vector<Operation> tracked_ones() {
  const auto kill_holder = [](World& world) {
    world.owner.kill();
    must(world.owner.wait(os::Deadline::after(kDeadline)), "a holder that does not die");
  };
  const auto park_one = park(pass_through, 1);
  const auto then = [](Part first, Part second) {
    return [first = std::move(first), second = std::move(second)](World& world) {
      first(world);
      second(world);
    };
  };
  Operation free = of_tracked("acquire when free", tracked(2), victim_acquires);
  free.check = none_is_lost(2, 2);
  Operation add = of_tracked("release of one more", tracked(1), victim_releases);
  add.check = none_is_lost(1, 2);
  Operation two = of_tracked(
      "release of two with three sleepers", tracked(2),
      [](World& world) { world.semaphore->release(2); }, park(pass_through, 3));
  two.warm_up = [](World& world) {
    victim_acquires(world);
    victim_acquires(world);
  };
  two.check = none_is_lost(2, 2);
  return {
      free,
      of_tracked("acquire from the dead", held_by_the_dead, victim_acquires),
      release_of_tracked("release", 0),
      release_of_tracked("release with a sleeper", 1),
      after_a_dead_watcher(release_of_tracked("release with a sleeper", 1)),
      release_of_tracked("release with three sleepers", 3),
      of_tracked("release for the dead", held_by_the_dead, victim_releases),
      add,
      two,
      sleeping_acquire("acquire that sleeps until the release", held_by_supervisor, {}, give_back,
                       give_back),
      sleeping_acquire("acquire that sleeps behind another one", held_by_supervisor, park_one,
                       give_back, give_back),
      sleeping_acquire("acquire that sleeps as the watcher of another one", held_by_supervisor, {},
                       then(park_one, give_back), give_back),
      sleeping_acquire("acquire that sleeps until the holder dies", held_by_another, {},
                       kill_holder, kill_holder),
      sleeping_acquire("acquire that sleeps as the watcher until the holder dies", held_by_another,
                       {}, then(park_one, kill_holder), kill_holder),
  };
}

}  // namespace

std::vector<Operation> semaphore_operations() {
  std::vector<Operation> all = plain_ones();
  for (auto& operation : tracked_ones()) all.push_back(std::move(operation));
  return all;
}

}  // namespace shoal::chaos
