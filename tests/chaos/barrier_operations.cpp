// Deaths around Barrier. The others are all let go, or it breaks for all of them; and where the
// victim left nothing to be found, they wait for one more party, as they should.
#include <shoal/error.hpp>

#include "world.hpp"

namespace shoal::chaos {
namespace {

using Part = std::function<void(World&)>;

enum Outcome : std::uint64_t { kNone, kLetGo, kBroken, kBrokenByVictim };

const shm::BarrierSlot& words(const World& world) {
  return world.barrier->place().slot<shm::BarrierSlot>();
}

// The whole of Barrier::wait(); `before_finish` is the action.
template <class Action>
Outcome come(World& world, const Action& before_finish, os::Deadline deadline) {
  try {
    const auto arrival = world.barrier->arrive(deadline);
    if (!arrival.acts) return kLetGo;
    before_finish();
    world.barrier->finish(true);
    return kLetGo;
  } catch (const BrokenBarrier& error) {
    const std::string dead = "process " + std::to_string(world.victim) + " died";
    return std::string(error.what()).find(dead) == std::string::npos ? kBroken : kBrokenByVictim;
  }
}
Outcome come(World& world) {
  return come(world, [] {}, os::Deadline::never());
}

void sleeper_comes(World& world) {
  world.park([&world](Role& role) { role.number = come(world); });
}

Part park(std::size_t sleepers) {
  return [sleepers](World& world) {
    for (std::size_t i = 0; i < sleepers; ++i) sleeper_comes(world);
  };
}

// The last of the parties, in the middle of its action until the victim is dead.
void actor_comes(World& world) {
  world.park([&world](Role& role) {
    const auto act = [&] { wait_until([&] { return world.board.died != 0; }, "no death"); };
    role.number = come(world, act, os::Deadline::never());
  });
}

// ------------------------------------------------------------------ the model

bool waits(const shm::Seat& seat) {
  return (seat.state.load() & 3U) == static_cast<std::uint32_t>(sync::Seats::State::kWaits);
}

constexpr std::uint64_t kFilling = 0;
constexpr std::uint64_t kReleasing = 2;

// What must become of the others is known from what the victim leaves behind.
void look(World& world) {
  const auto& slot = words(world);
  std::uint64_t waiting = 0;
  bool victim_waits = false;
  for (const auto& seat : slot.seats.seats) {
    if (!waits(seat)) continue;
    if (os::pid_of(seat.process) == world.victim) {
      victim_waits = true;
    } else {
      ++waiting;
    }
  }
  const bool broken = slot.broken != 0;
  const bool victim_acts = os::pid_of(slot.actor) == world.victim;
  world.lets_go = slot.phase == kReleasing;
  world.party_died = !broken && slot.phase != kReleasing && (victim_acts || victim_waits);
  world.expects_help = !broken && slot.phase == kFilling && slot.actor == 0 && !victim_waits &&
                       waiting == world.sleepers.size();
}

// So many more parties come, this process among them.
void parties_come(World& world, std::uint64_t parties) {
  std::vector<Child> others;
  for (std::uint64_t i = 1; i < parties; ++i) {
    others.push_back(Child::start([&world] { must(come(world) == kLetGo, "not let go"); }));
  }
  must(parties == 0 || come(world) == kLetGo, "a party that came is not let go");
  for (auto& other : others) {
    must(other.wait(os::Deadline::after(kDeadline)) && other.succeeded(), "a party is stuck");
  }
}

// As new after a reset.
void is_usable(World& world) {
  world.barrier->reset();
  must(!world.barrier->broken() && world.barrier->waiting() == 0, "broken after a reset");
  parties_come(world, world.barrier->parties());
}

// All the same: `when_done` where the victim's operation returned.
Part all_or_none(Outcome when_done) {
  return [when_done](World& world) {
    if (world.expects_help) {
      must(!world.board.victim.done || when_done == kNone || world.sleepers.empty(),
           "what returned had no effect");
      parties_come(world, world.barrier->parties() - world.sleepers.size());
    }
    world.expect_sleepers_back();
    world.went_on();
    for (std::size_t i = 0; i < world.sleepers.size(); ++i) {
      const auto outcome = static_cast<Outcome>(world.board.sleepers[i].number);
      const std::string who = "party " + std::to_string(i);
      if (world.expects_help || world.lets_go) must(outcome == kLetGo, who + " is not let go");
      if (world.party_died) must(outcome == kBrokenByVictim, who + " is not told of the death");
      must((outcome == kLetGo) == (world.board.sleepers[0].number == kLetGo),
           "some are let go, for others it is broken");
      if (world.board.victim.done && !world.party_died && when_done != kNone) {
        must((outcome == kLetGo) == (when_done == kLetGo), who + " saw it otherwise");
      }
    }
    is_usable(world);
  };
}

// ------------------------------------------------------------------ operations

Operation operation(std::string name, std::uint64_t parties, Part operate, Outcome when_done,
                    std::size_t sleepers) {
  return {.name = "Barrier: " + std::move(name),
          .prepare = [parties](World& world) { world.make_barrier(parties); },
          .operate = std::move(operate),
          .check = all_or_none(when_done),
          .gather = park(sleepers),
          .last_look = look};
}

void victim_comes(World& world) { come(world); }
void victim_acts(World& world) { world.barrier->arrive(os::Deadline::after(kDeadline)); }
void victim_fails(World& world) {
  world.barrier->arrive(os::Deadline::after(kDeadline));
  world.barrier->finish(false);
}
void victim_aborts(World& world) { world.barrier->abort(); }
void victim_resets(World& world) { world.barrier->reset(); }

Operation waiting(std::string name, std::uint64_t parties, std::size_t before, Part while_asleep) {
  Operation operates = operation(std::move(name), parties, victim_comes, kNone, before);
  operates.while_asleep = std::move(while_asleep);
  return operates;
}

void last_party_comes(World& world) { must(come(world) == kLetGo, "the last is not let go"); }
void park_one_and_complete(World& world) {
  sleeper_comes(world);
  last_party_comes(world);
}

// It is broken by one that aborts, resets or dies in the middle of the round's end.
Operation around_an_actor(std::string name, Part operate) {
  Operation operates = operation(std::move(name), 2, std::move(operate), kBroken, 1);
  operates.gather = [](World& world) {
    sleeper_comes(world);
    actor_comes(world);
  };
  return operates;
}

// ------------------------------------------------------------------ with one party less

// `others`: parties that are or will be there without the victim.
Part goes_on_without(std::uint64_t others) {
  return [others](World& world) {
    if (world.party_died && !world.sleepers.empty()) {
      wait_until([&] { return world.barrier->parties() == others; }, "a dead party is waited for");
      must(!world.barrier->broken(), "broken, and was to go on");
    }
    const bool over = !world.expects_help && !world.party_died;
    parties_come(
        world,
        over ? 0 : (world.party_died ? others : world.barrier->parties()) - world.sleepers.size());
    world.expect_sleepers_back();
    world.went_on();
    for (std::size_t i = 0; i < world.sleepers.size(); ++i) {
      must(world.board.sleepers[i].number == kLetGo, "a party is not let go");
    }
    is_usable(world);
  };
}

Operation shrinking(std::string name, std::uint64_t parties, std::size_t before,
                    Part while_asleep) {
  Operation operates = waiting(std::move(name), parties, before, std::move(while_asleep));
  operates.prepare = [parties](World& world) { world.make_barrier(parties, sync::kShrinks); };
  operates.check = goes_on_without(parties - 1);
  return operates;
}

// The victim watches, and finds one of the others dead: they are one less. The last party comes
// when that is done, and later when the victim is found too.
void another_dies(World& world) {
  sleeper_comes(world);
  world.owner = std::move(world.sleepers.back());
  world.sleepers.pop_back();
  sleeper_comes(world);
  world.park([&world](Role& role) {
    wait_until([&] { return world.barrier->parties() <= 3; }, "a dead party is waited for");
    role.number = come(world);
  });
  world.owner.kill();
}

void others_are_let_go(World& world) {
  world.expect_sleepers_back();
  world.went_on();
  for (std::size_t i = 0; i < world.sleepers.size(); ++i) {
    must(world.board.sleepers[i].number == kLetGo, "a party is not let go");
  }
  is_usable(world);
}

}  // namespace

std::vector<Operation> barrier_operations() {
  const auto vain = [](World& world) {
    must(come(world, [] {}, os::Deadline::after(kInVain)) == kBroken, "let go too early");
  };
  Operation in_vain = operation("wait in vain beside another one", 3, vain, kBroken, 1);
  Operation watcher = shrinking("wait of a watcher that finds one dead", 4, 0, another_dies);
  watcher.check = others_are_let_go;
  return {
      watcher,
      operation("wait as the only party", 1, victim_comes, kLetGo, 0),
      operation("wait as the last of two", 2, victim_comes, kLetGo, 1),
      operation("wait as the last of four", 4, victim_comes, kLetGo, 3),
      operation("wait as the last of three, up to the action", 3, victim_acts, kBroken, 2),
      operation("action that fails, of the last of three", 3, victim_fails, kBroken, 2),
      waiting("wait as the first of two", 2, 0, last_party_comes),
      waiting("wait as the first of three, the watcher", 3, 0, park_one_and_complete),
      waiting("wait as the second of three", 3, 1, last_party_comes),
      waiting("wait as the third of four", 4, 2, last_party_comes),
      in_vain,
      operation("abort with nobody", 3, victim_aborts, kBroken, 0),
      operation("abort with two", 3, victim_aborts, kBroken, 2),
      around_an_actor("abort while a party acts", victim_aborts),
      operation("reset with nobody", 3, victim_resets, kNone, 0),
      operation("reset with two", 3, victim_resets, kBroken, 2),
      around_an_actor("reset while a party acts", victim_resets),
      shrinking("wait as the first of three, that may become two", 3, 0, park_one_and_complete),
      shrinking("wait as the second of three, that may become two", 3, 1, last_party_comes),
      shrinking("wait as the third of four, that may become three", 4, 2, last_party_comes),
  };
}

}  // namespace shoal::chaos
