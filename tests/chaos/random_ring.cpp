// Random deaths of producers and consumers under load; the model is in crew.hpp.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <span>
#include <vector>

#include "crew.hpp"
#include "stalls.hpp"

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kKillsInARound = 250;
constexpr os::Nanoseconds kPromised = std::chrono::milliseconds(100);
using Loads = std::span<const Load>;
constexpr std::array kLoads{
    Load{"2+2, no limit", 2, 2, 0, 0},         Load{"2+2, large records", 2, 2, 0, 300},
    Load{"3+1, at most 64", 3, 1, 64, 0},      Load{"1+3, no limit", 1, 3, 0, 0},
    Load{"2+2, at most 1", 2, 2, 1, 0},        Load{"1+3, at most 3", 1, 3, 3, 0},
    Load{"3+1, large records", 3, 1, 0, 2000}, Load{"2+2, at most 1000", 2, 2, 1000, 0},
};
constexpr std::uint64_t kSomeMegabytes = 4U << 20U;
constexpr std::array kFarLoads{
    Load{"2+2, far", 2, 2, 0, 0, 0, true},
    Load{"1+3, far", 1, 3, 0, 0, 0, true},
    Load{"2+2, far, at most 3", 2, 2, 3, 0, 0, true},
    Load{"3+1, far", 3, 1, 0, 0, 0, true},
    Load{"2+2, far, at most 4 MiB", 2, 2, 0, 0, kSomeMegabytes, true},
};

struct Sum {
  Outcome outcome;
  Stalls one_death;
  Stalls two_deaths;
};

// One, and sometimes two at once. Their places are filled at once; half of the dead stay zombies
// until the others have gone on.
void kill_some(Crew& crew, const Load& load, Random& random, Sum& sum) {
  std::vector<Worker*> victims{&crew.any()};
  if (once_in(random, 8)) {
    Worker* other = &crew.any();
    if (other != victims.front()) victims.push_back(other);
  }
  const bool zombies = once_in(random, 2);
  const auto begin = os::Clock::now();
  std::vector<Child> dead;
  for (auto* victim : victims) {
    dead.push_back(crew.replace(*victim));
    if (!zombies) dead.back().wait(os::Deadline::after(kDeadline));
  }
  const std::string last = crew.wait_until_all_went_on(crew.turns());
  const auto stall = os::Clock::now() - begin;
  (victims.size() == 1 ? sum.one_death : sum.two_deaths).add(stall);
  if (stall > kPromised) {
    std::printf("slow (%s): %.0f ms after a %s died until %s went on\n", load.name,
                std::chrono::duration<double, std::milli>(stall).count(),
                victims.front()->name.c_str(), last.c_str());
  }
  for (auto& child : dead) child.wait(os::Deadline::after(kDeadline));
}

void play_round(const Load& load, std::uint64_t kills, Random& random, Sum& sum) {
  const SharedPages<Ledger> ledger;
  Crew crew(load, *ledger, random, sum.outcome);
  const std::uint64_t goal = sum.outcome.kills() + kills;
  while (sum.outcome.kills() < goal && !crew.full() && sum.outcome.stuck == 0) {
    ::usleep(static_cast<useconds_t>(draw(random, 0, 2500)));
    if (load.far && once_in(random, 4)) crew.rest();
    kill_some(crew, load, random, sum);
  }
  crew.finish();
}

void print(const char* title, const Sum& sum) {
  const Outcome& all = sum.outcome;
  std::printf(
      "chaos %s: %zu kills (%zu producers, %zu consumers), %zu puts, %zu lost, %zu doubled, %zu in "
      "hand, %zu stuck, %zu other faults; %s; two deaths at once: %s\n",
      title, static_cast<std::size_t>(all.kills()), static_cast<std::size_t>(all.producers_killed),
      static_cast<std::size_t>(all.consumers_killed), static_cast<std::size_t>(all.puts),
      static_cast<std::size_t>(all.lost), static_cast<std::size_t>(all.doubled),
      static_cast<std::size_t>(all.in_hand), static_cast<std::size_t>(all.stuck),
      static_cast<std::size_t>(all.others), sum.one_death.text().c_str(),
      sum.two_deaths.text().c_str());
}

bool kill_around(const Plan& plan, const char* title, Loads loads) {
  Random random(plan.seed);
  Sum sum;
  const std::uint64_t share =
      std::clamp<std::uint64_t>(plan.kills / loads.size(), 20, kKillsInARound);
  for (std::size_t round = 0; !plan.reached(sum.outcome.kills()) && sum.outcome.good(); ++round) {
    play_round(loads[round % loads.size()], share, random, sum);
  }
  print(title, sum);
  return sum.outcome.good();
}

}  // namespace

bool kill_around_rings(const Plan& plan, const char* title) {
  return kill_around(plan, title, kLoads);
}

bool kill_around_large_items(const Plan& plan) { return kill_around(plan, "far", kFarLoads); }

}  // namespace shoal::chaos
