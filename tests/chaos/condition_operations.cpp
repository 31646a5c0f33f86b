// Deaths around Condition. Who was called when the victim died is read from the seats while it
// stands still, so how many go on without help is known: no call is swallowed, and none made up.
#include <signal.h>

#include <algorithm>
#include <limits>

#include "world.hpp"

namespace shoal::chaos {
namespace {

using sync::Taken;
using Part = std::function<void(World&)>;
constexpr auto kAll = std::numeric_limits<std::size_t>::max();

void take_lock(World& world) { must(world.acquire() != Taken::kNo, "the lock is stuck"); }

bool wait_once(World& world, os::Deadline deadline) {
  const auto stay = world.condition->begin();
  world.condition->sleep(stay, deadline);
  world.condition->reacquire(stay);
  return world.condition->leave(stay);
}

void sleeper_waits(World& world) {
  world.park([&world](Role&) {
    take_lock(world);
    must(wait_once(world, os::Deadline::after(kDeadline)), "a sleeper that nobody called");
    must(world.lock->depth() == 1, "not as deep in the lock as before");
    world.release();
  });
}

Part park(std::size_t sleepers) {
  return [sleepers](World& world) {
    for (std::size_t i = 0; i < sleepers; ++i) sleeper_waits(world);
  };
}

Part notify(std::size_t count) {
  return [count](World& world) {
    take_lock(world);
    world.condition->notify(count);
    world.release();
  };
}

// ------------------------------------------------------------------ the model

const shm::SeatsWords& seats(const World& world) {
  return world.condition->place().slot<shm::ConditionSlot>().seats;
}

bool waits(const shm::Seat& seat) {
  return (seat.state.load() & 3U) == static_cast<std::uint32_t>(sync::Seats::State::kWaits);
}
bool is_called(const shm::Seat& seat) {
  return (seat.state.load() & 3U) == static_cast<std::uint32_t>(sync::Seats::State::kCalled);
}

// Calls for the sleepers: those that reached one, and those made to the victim or to one that has
// died, who did not come to use it. A victim that waited and has left had been called: by a watcher
// that handed on what a dead one had, perhaps, and has not yet taken it from that one.
void count_calls_beside(World& world, bool waiter) {
  if (world.given != 0) return;  // known already
  std::uint64_t waiting = 0;
  std::uint64_t unused = 0;
  bool victim_sits = false;
  for (const auto& seat : seats(world).seats) {
    const os::TaskWord process = seat.process;
    if (process == 0) continue;
    const bool is_victim = os::pid_of(process) == world.victim;
    victim_sits |= is_victim && (waits(seat) || is_called(seat));
    const bool goes_on = !is_victim && !os::is_dead(process);
    waiting += goes_on && waits(seat) ? 1 : 0;
    unused += !goes_on && is_called(seat) ? 1 : 0;
  }
  if (waiter && !victim_sits && unused != 0) --unused;
  const std::uint64_t sleepers = world.sleepers.size();
  world.given = std::min(sleepers, sleepers - waiting + unused);
}
void count_calls(World& world) { count_calls_beside(world, false); }

// Waits and is notified, beside whatever the victim left there.
void wait_and_notify(World& world) {
  Role& role = world.board.survivor;
  auto other = Child::start([&] {
    take_lock(world);
    role.begun = true;
    must(wait_once(world, os::Deadline::after(kDeadline)), "a call is swallowed at the end");
    world.release();
  });
  wait_until([&] { return role.begun.load(); }, "the lock is stuck at the end");
  notify(1)(world);  // it has let the lock go, so it waits
  must(other.wait(os::Deadline::after(2 * kDeadline)) && other.succeeded(),
       "a notified waiter does not return");
}

// `more`: calls that may have been made twice, by one that died as it called for the dead.
Part calls_are_exact(std::uint64_t more = 0) {
  return [more](World& world) {
    const std::uint64_t sleepers = world.sleepers.size();
    wait_until([&] { return world.sleepers_back() >= world.given; }, "a call is swallowed");
    world.went_on();
    std::uint64_t calls = world.given;
    while (world.sleepers_back() < sleepers) {
      const std::size_t before = world.sleepers_back();
      notify(1)(world);
      wait_until([&] { return world.sleepers_back() > before; }, "a later call is swallowed");
      ++calls;
    }
    must(calls + more >= sleepers, "a sleeper that nobody called has left");
    wait_and_notify(world);
    take_lock(world);
    must(world.lock->depth() == 1, "the lock is not the survivor's alone");
    world.release();
    must(world.lock_words().owner == 0, "a lock that nobody holds has an owner");
  };
}

// ------------------------------------------------------------------ operations

Operation operation(std::string name, Part operate) {
  return {.name = "Condition: " + std::move(name),
          .prepare = &World::make_condition,
          .operate = std::move(operate),
          .check = calls_are_exact(),
          .last_look = count_calls};
}

Operation calling(std::string name, std::size_t count, std::size_t sleepers) {
  Operation calls = operation(std::move(name), notify(count));
  calls.gather = park(sleepers);
  return calls;
}

void victim_waits(World& world) {
  world.acquire();
  wait_once(world, os::Deadline::after(kDeadline));
  world.release();
}

Operation waiting(std::string name, Part gather, Part while_asleep) {
  Operation waits = operation(std::move(name), victim_waits);
  waits.gather = std::move(gather);
  waits.while_asleep = std::move(while_asleep);
  waits.last_look = [](World& world) { count_calls_beside(world, true); };
  return waits;
}

Part then(Part first, Part second) {
  return [first = std::move(first), second = std::move(second)](World& world) {
    first(world);
    second(world);
  };
}

enum class Calls : std::uint8_t { kNone, kSome };

// The others are called, not the victim; unless it is no watcher any more, on a busy machine.
Operation waiting_in_vain(std::string name, Calls calls, Part while_asleep) {
  Operation waits = waiting(std::move(name), {}, std::move(while_asleep));
  waits.operate = [calls](World& world) {
    world.acquire();
    const bool called = wait_once(world, os::Deadline::after(2 * kInVain));
    must(!called || calls == Calls::kSome, "a call from nowhere");
    world.release();
  };
  return waits;
}

// One more sleeper, that is no longer among those who must go on.
void sleeper_that_will_die(World& world) {
  sleeper_waits(world);
  world.owner = std::move(world.sleepers.back());
  world.sleepers.pop_back();
}
void it_dies(World& world) {
  world.owner.kill();
  world.owner.wait(os::Deadline::after(kDeadline));
}

// It is called and dies before it knows; the victim, who watches, finds it.
void called_one_dies(World& world) {
  sleeper_that_will_die(world);
  sleeper_waits(world);
  world.owner.send(SIGSTOP);
  world.owner.wait_stopped();
  notify(1)(world);
  it_dies(world);
}

std::vector<Operation> special_operations() {
  Operation beside_the_dead = calling("notify(1) where the one to call has died", 1, 1);
  beside_the_dead.gather = then(then(park(1), sleeper_that_will_die), it_dies);
  Operation deep = waiting("wait of one that is three deep in the lock", {}, notify(1));
  deep.operate = [](World& world) {
    for (int i = 0; i < 3; ++i) world.acquire();
    wait_once(world, os::Deadline::after(kDeadline));
    must(world.lock->depth() == 3, "not as deep in the lock as before");
    for (int i = 0; i < 3; ++i) world.release();
  };
  // What it was called for goes to the other one, wherever it dies.
  const auto notify_for_the_other = [](World& world) {
    notify(1)(world);
    world.given = 1;
  };
  Operation interrupted =
      waiting("interrupted wait that was called, with another one", park(1), notify_for_the_other);
  interrupted.operate = [](World& world) {
    world.acquire();
    const auto stay = world.condition->begin();
    world.condition->sleep(stay, os::Deadline::after(kDeadline));
    world.condition->leave_interrupted(stay);
    world.condition->reacquire(stay);
    world.release();
  };
  interrupted.check = calls_are_exact(1);
  Operation watcher =
      waiting("wait of a watcher that finds a called one dead", {}, called_one_dies);
  watcher.check = calls_are_exact(1);
  return {beside_the_dead, deep, interrupted, watcher};
}

}  // namespace

std::vector<Operation> condition_operations() {
  std::vector<Operation> all{
      calling("notify(1) with nobody", 1, 0),
      calling("notify(1) with one", 1, 1),
      calling("notify(1) with two", 1, 2),
      calling("notify(1) with three", 1, 3),
      calling("notify(2) with three", 2, 3),
      calling("notify_all with one", kAll, 1),
      calling("notify_all with three", kAll, 3),
      waiting("wait until notified", {}, notify(1)),
      waiting("wait behind another one until notified", park(1), notify(1)),
      waiting_in_vain("wait in vain as the watcher of another one", Calls::kNone, park(1)),
      waiting_in_vain("wait as the watcher of one that is notified", Calls::kSome,
                      then(park(1), notify(1))),
      waiting_in_vain("wait as the watcher of two that are notified", Calls::kSome,
                      then(park(2), notify(2))),
      waiting("wait behind two until all are notified", park(2), notify(kAll)),
      waiting("wait as the watcher of two until all are notified", {}, then(park(2), notify(kAll))),
  };
  for (auto& special : special_operations()) all.push_back(std::move(special));
  return all;
}

}  // namespace shoal::chaos
