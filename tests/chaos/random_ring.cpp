// Random deaths of producers and consumers under load.
#include <unistd.h>

#include <array>
#include <cstdio>
#include <vector>

#include "ring_rounds.hpp"
#include "stalls.hpp"

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kKillsInARound = 250;
constexpr os::Nanoseconds kPromised = std::chrono::milliseconds(100);
constexpr std::array kLoads{
    Load{"2+2, no limit", 2, 2, 0, 0},         Load{"2+2, large records", 2, 2, 0, 300},
    Load{"3+1, at most 64", 3, 1, 64, 0},      Load{"1+3, no limit", 1, 3, 0, 0},
    Load{"2+2, at most 1", 2, 2, 1, 0},        Load{"1+3, at most 3", 1, 3, 3, 0},
    Load{"3+1, large records", 3, 1, 0, 2000}, Load{"2+2, at most 1000", 2, 2, 1000, 0},
};

constexpr std::uint64_t kSomeMegabytes = 4U << 20U;
constexpr std::array kFarLoads{
    Load{.name = "2+2, far", .producers = 2, .consumers = 2, .far = true},
    Load{.name = "1+3, far", .producers = 1, .consumers = 3, .far = true},
    Load{
        .name = "2+2, far, at most 3", .producers = 2, .consumers = 2, .max_items = 3, .far = true},
    Load{.name = "3+1, far", .producers = 3, .consumers = 1, .far = true},
    Load{.name = "2+2, far, at most 4 MiB",
         .producers = 2,
         .consumers = 2,
         .max_bytes = kSomeMegabytes,
         .far = true},
};

struct Sum {
  Outcome outcome;
  Stalls one_death;
  Stalls two_deaths;
};

// One, and sometimes two at once. Their places are filled at once; half of the dead stay zombies
// until the others have gone on.
std::vector<Victim> kill_some(Crew& crew, const Load& load, Random& random, Sum& sum) {
  std::vector<Worker*> workers{&crew.any()};
  if (once_in(random, 8)) {
    Worker* other = &crew.any();
    if (other != workers.front()) workers.push_back(other);
  }
  const bool zombies = once_in(random, 2);
  const auto begin = os::Clock::now();
  std::vector<Victim> victims;
  std::vector<Child> dead;
  for (auto* worker : workers) {
    victims.push_back({worker->name, worker->life, worker->child.pid()});
    dead.push_back(crew.replace(*worker));
    if (!zombies) dead.back().wait(os::Deadline::after(kDeadline));
  }
  const std::string last = crew.wait_until_all_went_on(crew.turns());
  const auto stall = os::Clock::now() - begin;
  (victims.size() == 1 ? sum.one_death : sum.two_deaths).add(stall);
  if (stall > kPromised) {
    std::printf("slow (%s): %.0f ms after a %s died until %s went on\n", load.name,
                std::chrono::duration<double, std::milli>(stall).count(),
                victims.front().name.c_str(), last.c_str());
  }
  for (auto& child : dead) child.wait(os::Deadline::after(kDeadline));
  return victims;
}

void play_round(const Manner& manner, const Load& load, std::uint64_t kills, Random& random,
                Sum& sum) {
  const SharedPages<Ledger> ledger;
  Crew crew(load, *ledger, random, sum.outcome);
  const std::uint64_t goal = sum.outcome.kills() + kills;
  while (sum.outcome.kills() < goal && !crew.full() && sum.outcome.stuck == 0) {
    ::usleep(static_cast<useconds_t>(draw(random, 0, 2500)));
    const auto victims = kill_some(crew, load, random, sum);
    if (manner.after_deaths && sum.outcome.stuck == 0) manner.after_deaths(crew, victims);
  }
  crew.finish([&] {
    if (manner.at_the_end) manner.at_the_end(crew);
  });
}

void print(const Manner& manner, const Sum& sum) {
  const Outcome& all = sum.outcome;
  const std::string more = manner.text ? manner.text() + "; " : "";
  std::printf(
      "chaos %s: %zu kills (%zu producers, %zu consumers), %zu puts, %zu lost, %zu doubled, %zu in "
      "hand, %zu stuck, %zu other faults; %s%s; two deaths at once: %s\n",
      manner.title, static_cast<std::size_t>(all.kills()),
      static_cast<std::size_t>(all.producers_killed),
      static_cast<std::size_t>(all.consumers_killed), static_cast<std::size_t>(all.puts),
      static_cast<std::size_t>(all.lost), static_cast<std::size_t>(all.doubled),
      static_cast<std::size_t>(all.in_hand), static_cast<std::size_t>(all.stuck),
      static_cast<std::size_t>(all.others), more.c_str(), sum.one_death.text().c_str(),
      sum.two_deaths.text().c_str());
}

}  // namespace

bool kill_around(const Plan& plan, const Manner& manner) {
  Random random(plan.seed);
  Sum sum;
  const auto& loads = manner.loads;
  const std::uint64_t share =
      std::clamp<std::uint64_t>(plan.kills / loads.size(), 20, kKillsInARound);
  for (std::size_t round = 0; !plan.reached(sum.outcome.kills()) && sum.outcome.good(); ++round) {
    play_round(manner, loads[round % loads.size()], share, random, sum);
  }
  print(manner, sum);
  return sum.outcome.good();
}

bool kill_around_rings(const Plan& plan, const char* title) {
  return kill_around(plan, {.title = title, .loads = kLoads});
}

// Once in a while who finds it empty gives its memory back.
bool kill_around_large_items(const Plan& plan) {
  Random random(plan.seed);
  return kill_around(plan, {.title = "far",
                            .loads = kFarLoads,
                            .after_deaths = [&random](Crew& crew, const std::vector<Victim>&) {
                              if (!once_in(random, 4)) return;
                              crew.words().more = 1ULL << 40U;
                              crew.words().grown_at = 0;
                            }});
}

}  // namespace shoal::chaos
