// Kills and stops processes at random moments under load. See README.md.
//
//   chaos_random [ring | bound | far | stop | batch | bytes | memory | signal | tally | shut |
//                 redeliver | lock | rlock | semaphore | tracked | event | condition | barrier]...
#include <cstdio>
#include <cstring>
#include <exception>
#include <random>

#include "scenarios.hpp"

namespace shoal::chaos {
namespace {

constexpr auto kShortBound = std::chrono::milliseconds(2);
constexpr auto kRealBound = std::chrono::milliseconds(25);

struct Scenario {
  const char* name;
  std::chrono::microseconds watch_bound;
  std::uint64_t kills;
  bool (*run)(const Plan&);
};

const Scenario kScenarios[] = {
    {"ring", kShortBound, 2100, [](const Plan& plan) { return kill_around_rings(plan, "ring"); }},
    {"bound", kRealBound, 320,
     [](const Plan& plan) { return kill_around_rings(plan, "ring with the real bound of 25 ms"); }},
    {"stop", kShortBound, 250, stop_around_a_ring},
    {"batch", kShortBound, 800, kill_around_batches},
    {"bytes", kShortBound, 800, kill_around_a_limit_of_bytes},
    {"memory", kShortBound, 800, kill_around_memory},
    {"signal", kShortBound, 1000, kill_around_a_signal},
    {"tally", kShortBound, 1000, kill_around_a_tally},
    {"shut", kShortBound, 800, kill_around_the_end},
    {"redeliver", kShortBound, 2100, kill_around_a_redelivery},
    {"lock", kShortBound, 2100, kill_around_a_lock},
    {"rlock", kShortBound, 2100, kill_around_an_rlock},
    {"semaphore", kShortBound, 2100, kill_around_a_semaphore},
    {"tracked", kShortBound, 2100, kill_around_a_tracked_semaphore},
    {"event", kShortBound, 2100, kill_around_an_event},
    {"condition", kShortBound, 2100, kill_around_a_condition},
    {"barrier", kShortBound, 2100, kill_around_a_barrier},
};

// In a soak the scenarios share SHOAL_CHAOS_SECONDS.
Plan plan_of(const Scenario& scenario, std::uint64_t seed) {
  constexpr std::uint64_t kAnHour = 3600;
  const auto share = std::chrono::milliseconds(setting("SHOAL_CHAOS_SECONDS", kAnHour) * 1000 /
                                               std::size(kScenarios));
  return {.seed = seed,
          .kills = setting("SHOAL_CHAOS_KILLS", brief() ? scenario.kills / 7 : scenario.kills),
          .until = soaking() ? os::Deadline::after(share) : os::Deadline::never()};
}

bool chosen(const Scenario& scenario, int count, char** names) {
  if (count <= 1) return true;
  return std::any_of(names + 1, names + count,
                     [&](const char* name) { return std::strcmp(name, scenario.name) == 0; });
}

int run(int count, char** names) {
  const Leftovers leftovers;
  const std::uint64_t seed = setting("SHOAL_CHAOS_SEED", std::random_device{}());
  std::printf("chaos: SHOAL_CHAOS_SEED=%zu repeats this choice of loads, victims and moments\n",
              static_cast<std::size_t>(seed));
  bool good = true;
  for (const auto& scenario : kScenarios) {
    if (!chosen(scenario, count, names)) continue;
    set_watch_bound(scenario.watch_bound);
    good = scenario.run(plan_of(scenario, seed)) && good;
    std::fflush(stdout);
  }
  const std::string left = leftovers.found();
  std::printf("chaos: left behind:%s\n", left.empty() ? " nothing" : left.c_str());
  return good && left.empty() ? 0 : 1;
}

}  // namespace
}  // namespace shoal::chaos

int main(int count, char** arguments) {
  try {
    return shoal::chaos::run(count, arguments);
  } catch (const std::exception& error) {
    std::printf("chaos: %s\n", error.what());
    return 1;
  }
}
