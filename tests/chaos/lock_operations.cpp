// Deaths around Lock and RLock. Whether the victim owned it is read from the stopped victim, so
// what the next owner must be told is known exactly.
#include <unistd.h>

#include "world.hpp"

namespace shoal::chaos {
namespace {

using sync::Taken;
using Type = sync::LockCore::Type;
using Part = std::function<void(World&)>;

// In and out, and what one was told. Others come in at the same time: nobody may meet.
Taken pass_through(World& world) {
  const Taken taken = world.acquire();
  must(taken != Taken::kNo, "an acquire that does not return");
  must(world.board.inside.exchange(true) == false, "two owners at once");
  must(world.lock->depth() == 1, "a depth that is another's");
  if (world.lock->type() == Type::kRLock) {
    must(world.acquire() == Taken::kFree && world.lock->depth() == 2, "not taken again");
    world.release();
  }
  world.board.inside = false;
  world.release();
  return taken;
}

void sleeper_passes(World& world) {
  world.park([&world](Role& role) { role.number = pass_through(world) == Taken::kFromDead; });
}

void others_pass(World& world) {
  std::uint64_t told = pass_through(world) == Taken::kFromDead ? 1 : 0;
  world.went_on();
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

Part new_lock(Type type) {
  return [type](World& world) { world.make_lock(type); };
}

Part owned_by_the_dead(Type type) {
  return [type](World& world) {
    world.make_lock(type);
    world.lock_words().owner = word_of_a_dead_process();
    world.deaths_of_owners = 1;
  };
}

Part owned_by_another(Type type) {
  return [type](World& world) {
    world.make_lock(type);
    world.owner = Child::start([&world] {
      must(world.acquire() == Taken::kFree, "a new lock is taken");
      for (;;) ::pause();
    });
    wait_until([&] { return world.lock_words().owner != 0; }, "a new lock is not taken");
  };
}

void kill_owner(World& world) {
  if (world.deaths_of_owners != 0) return;  // the victim slept before it died
  world.owner.kill();
  world.deaths_of_owners = 1;
}

Part owned_by_supervisor(Type type) {
  return [type](World& world) {
    world.make_lock(type);
    must(world.acquire() == Taken::kFree, "a new lock is taken");
  };
}

// A sleeper must not find the supervisor's lock at the end.
void free_if_held(World& world) {
  if (os::pid_of(world.lock_words().owner) == ::getpid()) world.release();
}

Operation lock_operation(std::string name, Part prepare, Part operate) {
  return {.name = std::move(name),
          .prepare = std::move(prepare),
          .operate = std::move(operate),
          .check = others_pass};
}

Operation release_before(std::size_t sleepers, Type type, std::string name) {
  Operation operation = lock_operation(std::move(name), new_lock(type), &World::release);
  operation.warm_up = victim_has_it;
  operation.gather = [sleepers](World& world) {
    for (std::size_t i = 0; i < sleepers; ++i) sleeper_passes(world);
  };
  return operation;
}

Operation after_a_dead_watcher(Operation operation) {
  operation.name += ", where a watcher died before";
  operation.prepare = [prepare = operation.prepare](World& world) {
    prepare(world);
    world.lock_words().parking.watcher = word_of_a_dead_process();
  };
  return operation;
}

Operation sleeping_acquire(std::string name, Type type, Part gather, Part while_asleep) {
  Operation operation = lock_operation(std::move(name), owned_by_supervisor(type), victim_acquires);
  operation.gather = std::move(gather);
  operation.while_asleep = std::move(while_asleep);
  operation.at_death = free_if_held;
  return operation;
}

Operation acquire_from_the_dying(std::string name, Type type, Part while_asleep) {
  Operation operation = lock_operation(std::move(name), owned_by_another(type), victim_acquires);
  operation.while_asleep = std::move(while_asleep);
  operation.at_death = kill_owner;
  return operation;
}

std::vector<Operation> operations_of(Type type, const std::string& of) {
  const auto park_and_kill_owner = [](World& world) {
    sleeper_passes(world);
    kill_owner(world);
  };
  const auto park_and_release = [](World& world) {
    sleeper_passes(world);
    free_if_held(world);
  };
  const auto in_and_out = [](World& world) {
    world.acquire();
    world.release();
  };
  const auto vain = [](World& world) {
    must(world.acquire(os::Deadline::after(kInVain)) == Taken::kNo, "two owners");
  };
  Operation acquire_in_vain =
      lock_operation(of + "acquire in vain", owned_by_supervisor(type), vain);
  acquire_in_vain.at_death = free_if_held;
  return {
      lock_operation(of + "acquire when free", new_lock(type), victim_acquires),
      lock_operation(of + "acquire from a dead owner", owned_by_the_dead(type), victim_acquires),
      lock_operation(of + "acquire and release", new_lock(type), in_and_out),
      release_before(0, type, of + "release"),
      release_before(1, type, of + "release with a sleeper"),
      after_a_dead_watcher(release_before(1, type, of + "release with a sleeper")),
      release_before(3, type, of + "release with three sleepers"),
      sleeping_acquire(of + "acquire that sleeps until the release", type, {}, free_if_held),
      sleeping_acquire(of + "acquire that sleeps as the watcher of another one", type, {},
                       park_and_release),
      sleeping_acquire(of + "acquire that sleeps behind another one", type, sleeper_passes,
                       free_if_held),
      acquire_from_the_dying(of + "acquire that sleeps until the owner dies", type, kill_owner),
      acquire_from_the_dying(of + "acquire that sleeps beside another one until the owner dies",
                             type, park_and_kill_owner),
      acquire_in_vain,
  };
}

// What an RLock and a Lock have alone.
std::vector<Operation> special_operations() {
  const auto has_it_twice = [](World& world) {
    victim_has_it(world);
    victim_has_it(world);
  };
  Operation again = release_before(1, Type::kRLock, "RLock: acquire again, with a sleeper");
  again.operate = [](World& world) { world.acquire(); };
  Operation inner = release_before(1, Type::kRLock, "RLock: inner release, with a sleeper");
  inner.warm_up = has_it_twice;
  Operation both = inner;
  both.name = "RLock: both releases, with a sleeper";
  both.operate = [](World& world) {
    world.release();
    world.release();
  };
  Operation of_another = lock_operation("Lock: release of another's",
                                        owned_by_supervisor(Type::kLock), &World::release);
  of_another.gather = sleeper_passes;
  of_another.at_death = free_if_held;
  return {again, inner, both, of_another};
}

}  // namespace

std::vector<Operation> lock_operations() {
  std::vector<Operation> all = operations_of(Type::kLock, "Lock: ");
  for (auto& some : {operations_of(Type::kRLock, "RLock: "), special_operations()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace shoal::chaos
