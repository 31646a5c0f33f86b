// Deaths around the owner lock. Whether the victim owned it is read from the stopped victim, so
// what the next owner must be told is known exactly.
#include <unistd.h>

#include "world.hpp"

namespace shoal::chaos {
namespace {

using sync::Taken;

// Longer than the steps up to the sleep take.
constexpr auto kInVain = std::chrono::milliseconds(60);

// In and out, and what one was told. Others come in at the same time: nobody may meet.
Taken pass_through(World& world) {
  const Taken taken = world.acquire();
  must(taken != Taken::kNo, "an acquire that does not return");
  must(world.board.inside.exchange(true) == false, "two owners at once");
  world.board.inside = false;
  world.release();
  return taken;
}

void sleeper_passes(World& world) {
  world.park([&world](Role& role) { role.number = pass_through(world) == Taken::kFromDead; });
}

void others_pass(World& world) {
  std::uint64_t told = pass_through(world) == Taken::kFromDead ? 1 : 0;
  world.board.survivor.when = os::Clock::now().time_since_epoch().count();
  world.expect_sleepers_back();
  for (std::size_t i = 0; i < world.sleepers.size(); ++i) told += world.board.sleepers[i].number;
  told += world.board.victim.number;
  // A victim that died in its own take-over took the news of the first death with it.
  const bool news_died = world.victim_died_as_owner && !world.board.victim.done;
  const std::uint64_t deaths = world.deaths_of_owners + (world.victim_died_as_owner ? 1 : 0);
  must(told == deaths || (news_died && deaths == 2 && told == 1),
       std::to_string(deaths) + " owners died, told were " + std::to_string(told));
  must(pass_through(world) == Taken::kFree, "a free lock that is not free");
  must(world.lock_words().owner == 0, "a lock that nobody holds has an owner");
}

void victim_acquires(World& world) {
  const Taken taken = world.acquire();
  must(taken != Taken::kNo, "an acquire that does not return");
  if (taken == Taken::kFromDead) world.board.victim.number = 1;
}

void victim_has_it(World& world) { must(world.acquire() == Taken::kFree, "a new lock is taken"); }

void owned_by_the_dead(World& world) {
  world.make_lock();
  world.lock_words().owner = word_of_a_dead_process();
  world.deaths_of_owners = 1;
}

void owned_by_another(World& world) {
  world.make_lock();
  world.owner = Child::start([&world] {
    must(world.acquire() == Taken::kFree, "a new lock is taken");
    for (;;) ::pause();
  });
  while (world.lock_words().owner == 0) ::usleep(20);
}

void kill_owner(World& world) {
  if (world.deaths_of_owners != 0) return;  // the victim slept before it died
  world.owner.kill();
  world.deaths_of_owners = 1;
}

void owned_by_supervisor(World& world) {
  world.make_lock();
  must(world.acquire() == Taken::kFree, "a new lock is taken");
}

// A sleeper must not find the supervisor's lock at the end.
void free_if_held(World& world) {
  if (os::pid_of(world.lock_words().owner) == ::getpid()) world.release();
}

Operation lock_operation(std::string name, std::function<void(World&)> prepare,
                         std::function<void(World&)> operate) {
  return {.name = std::move(name),
          .prepare = std::move(prepare),
          .operate = std::move(operate),
          .check = others_pass};
}

Operation release_before(std::size_t sleepers, std::string name) {
  Operation operation = lock_operation(std::move(name), &World::make_lock, &World::release);
  operation.warm_up = victim_has_it;
  operation.gather = [sleepers](World& world) {
    for (std::size_t i = 0; i < sleepers; ++i) sleeper_passes(world);
  };
  return operation;
}

Operation after_a_dead_watcher(Operation operation) {
  operation.name += ", where a watcher died before";
  operation.prepare = [](World& world) {
    world.make_lock();
    world.lock_words().parking.watcher = word_of_a_dead_process();
  };
  return operation;
}

using Part = std::function<void(World&)>;

Operation sleeping_acquire(std::string name, Part gather, Part while_asleep) {
  Operation operation = lock_operation(std::move(name), owned_by_supervisor, victim_acquires);
  operation.gather = std::move(gather);
  operation.while_asleep = std::move(while_asleep);
  operation.at_death = free_if_held;
  return operation;
}

Operation acquire_from_the_dying(std::string name, Part while_asleep) {
  Operation operation = lock_operation(std::move(name), owned_by_another, victim_acquires);
  operation.while_asleep = std::move(while_asleep);
  operation.at_death = kill_owner;
  return operation;
}

}  // namespace

std::vector<Operation> lock_operations() {
  const auto park_and_kill_owner = [](World& world) {
    sleeper_passes(world);
    kill_owner(world);
  };
  const auto park_and_release = [](World& world) {
    sleeper_passes(world);
    free_if_held(world);
  };
  const auto vain = [](World& world) {
    must(world.acquire(os::Deadline::after(kInVain)) == Taken::kNo, "two owners");
  };
  Operation acquire_in_vain = lock_operation("acquire in vain", owned_by_supervisor, vain);
  acquire_in_vain.at_death = free_if_held;
  return {
      lock_operation("acquire of a free lock", &World::make_lock, victim_acquires),
      lock_operation("acquire of a dead owner's lock", owned_by_the_dead, victim_acquires),
      lock_operation("acquire and release", &World::make_lock,
                     [](World& world) { pass_through(world); }),
      release_before(0, "release"),
      release_before(1, "release with a sleeper"),
      after_a_dead_watcher(release_before(1, "release with a sleeper")),
      release_before(3, "release with three sleepers"),
      sleeping_acquire("acquire that sleeps until the release", {}, free_if_held),
      sleeping_acquire("acquire that sleeps as the watcher of another one", {}, park_and_release),
      sleeping_acquire("acquire that sleeps behind another one", sleeper_passes, free_if_held),
      acquire_from_the_dying("acquire that sleeps until the owner dies", kill_owner),
      acquire_from_the_dying("acquire that sleeps beside another one until the owner dies",
                             park_and_kill_owner),
      acquire_in_vain,
  };
}

}  // namespace shoal::chaos
