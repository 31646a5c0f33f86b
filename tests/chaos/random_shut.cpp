// Random deaths of who shuts a ring that is in use, and of those who use it. It is shut then or
// open; when it is shut, all come to their end, and what was put before can be got where it is to
// stay.
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <vector>

#include "crew.hpp"
#include "squad.hpp"
#include "stalls.hpp"

namespace shoal::chaos {
namespace {

constexpr std::array kLoads{
    Load{.name = "shut, 2+2", .producers = 2, .consumers = 2},
    Load{.name = "shut, 3+1, at most 3", .producers = 3, .consumers = 1, .max_items = 3},
    Load{.name = "shut, 1+3, batches", .producers = 1, .consumers = 3, .batches = true},
    Load{.name = "shut, 2+2, by descriptor", .producers = 2, .consumers = 2, .by_descriptor = true},
    Load{.name = "shut, 2+1, bytes", .producers = 2, .consumers = 1, .max_bytes = 1000},
};

struct Sum {
  Outcome outcome;
  std::uint64_t shutters_killed = 0;
  std::uint64_t left_open = 0;  // by them
  Stalls ends;                  // from the shutter's death until all had come to the end
};

struct Gate {
  std::atomic<bool> ready;
  std::atomic<bool> open;
};

// Kills who shuts the ring somewhere in it, and perhaps one of the others.
void kill_a_shutter(Crew& crew, bool at_once, Random& random, Sum& sum) {
  const SharedPages<Gate> gate;
  auto shutter = Child::start([&] {
    gate->ready = true;
    while (!gate->open) {
    }
    crew.ring().shut(at_once);
  });
  crew.wait_until([&] { return gate->ready.load(); }, "who shuts");
  gate->open = true;
  // It has to wait for a lock first, for longer than all the rest takes.
  work(draw(random, 0, once_in(random, 3) ? 50'000 : 3'000'000));
  if (once_in(random, 3)) {
    Worker& victim = crew.any();
    crew.kill(victim);
    victim.child.wait(os::Deadline::after(kDeadline));
  }
  shutter.kill();
  shutter.wait_dead();
  ++sum.shutters_killed;
}

void play_round(const Load& load, Random& random, Sum& sum) {
  const SharedPages<Ledger> ledger;
  Crew crew(load, *ledger, random, sum.outcome);
  nap(random, 3000);
  const bool at_once = once_in(random, 2);
  // What was taken by now was taken by consumers; what is taken later may have been dropped.
  const std::uint64_t taken = ring::Position(crew.words().head).items();
  kill_a_shutter(crew, at_once, random, sum);
  const auto begin = os::Clock::now();
  if (crew.words().shut == 0) {
    ++sum.left_open;
    crew.ring().shut(at_once);
  }
  crew.finish_shut(at_once ? taken : kNothing);
  sum.ends.add(os::Clock::now() - begin);
  crew.must(crew.ring().empty() && crew.ring().items() == 0, "something is there after the end");
}

}  // namespace

bool kill_around_the_end(const Plan& plan) {
  Random random(plan.seed);
  Sum sum;
  for (std::size_t round = 0; !plan.reached(sum.shutters_killed) && sum.outcome.good(); ++round) {
    play_round(kLoads.at(round % kLoads.size()), random, sum);
  }
  const Outcome& all = sum.outcome;
  std::printf(
      "chaos shut: %zu kills of who shuts (%zu left it open) and %zu of others, %zu puts, %zu "
      "lost, %zu doubled, %zu in hand, %zu stuck, %zu other faults; from the death to the end of "
      "all: %s\n",
      static_cast<std::size_t>(sum.shutters_killed), static_cast<std::size_t>(sum.left_open),
      static_cast<std::size_t>(all.kills()), static_cast<std::size_t>(all.puts),
      static_cast<std::size_t>(all.lost), static_cast<std::size_t>(all.doubled),
      static_cast<std::size_t>(all.in_hand), static_cast<std::size_t>(all.stuck),
      static_cast<std::size_t>(all.others), sum.ends.text().c_str());
  return all.good();
}

}  // namespace shoal::chaos
