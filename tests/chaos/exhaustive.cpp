// Kills a process at every place in an operation where a death makes a difference, each time a
// fresh one on a fresh object, and has a survivor go on. See README.md.
//
//   chaos_exhaustive [part of a name]
#include <sys/personality.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <utility>

#include "os/error.hpp"
#include "os/memory.hpp"
#include "world.hpp"

namespace shoal::chaos {
namespace {

// While it is recorded, a victim takes longer from reading the clock to its sleep than the short
// bound is: it would never be seen asleep.
constexpr auto kWatchBound = std::chrono::milliseconds(2);
constexpr auto kWatchBoundWhileRecorded = std::chrono::milliseconds(25);

// One operation's figures.
struct Tally {
  std::uint64_t steps = 0;
  std::uint64_t deaths = 0;
  std::uint64_t passed = 0;  // places that a victim did not come to: it ended before
  std::uint64_t failures = 0;
  std::int64_t longest = 0;  // nanoseconds from a death until a survivor had gone on
};

std::int64_t now() { return os::Clock::now().time_since_epoch().count(); }

// A victim of `operation`, stopped before its first step, and all that surrounds it.
class Stage {
 public:
  Stage(const Operation& operation, Board& board) : operation_(operation), world_(board) {
    std::memset(static_cast<void*>(&board), 0, sizeof board);
    board.witness = ~0ULL;
    operation.prepare(world_);
    victim_ = std::make_unique<Stepper>(Script{.warm_up = [this] { warm_up(); },
                                               .operate =
                                                   [this] {
                                                     operation_.operate(world_);
                                                     world_.board.victim.done = true;
                                                   }});
    world_.victim = victim_->pid();
    if (operation.gather) operation.gather(world_);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() {
    victim_.reset();
    world_.sleepers.clear();
    world_.owner = Child();
    if (operation_.tidy) operation_.tidy(world_);
  }

  Recording record_all() {
    auto recording =
        record(*victim_, [this] { return world_.watched(); }, while_asleep(), soaking());
    victim_->let_go();
    if (operation_.at_death) operation_.at_death(world_);
    return recording;
  }

  // False: the victim had ended before.
  bool die_at(const Point& point, bool reap) {
    const bool came = victim_->run_to(point, while_asleep());
    die(reap);
    return came;
  }

  // Runs the check in a process of its own. Returns what it found wrong, or nothing.
  std::string survive() {
    auto survivor = Child::start([this] {
      try {
        operation_.check(world_);
      } catch (const std::exception& error) {
        std::snprintf(world_.board.violation.data(), world_.board.violation.size(), "%s",
                      error.what());
      }
    });
    if (!survivor.wait(os::Deadline::after(4 * kDeadline))) return "the survivor is stuck";
    if (!survivor.succeeded()) return "the survivor did not end well";
    return world_.board.violation.data();
  }

  [[nodiscard]] std::int64_t stall() const {
    std::int64_t last = world_.board.survivor.when;
    for (const auto& role : world_.board.sleepers) last = std::max(last, role.when.load());
    return last - world_.board.died;
  }

 private:
  // What a process does once, whatever it does first, is not part of the operation.
  void warm_up() {
    os::self();
    if (operation_.warm_up) operation_.warm_up(world_);
  }

  Stepper::WhileAsleep while_asleep() {
    if (!operation_.while_asleep) return {};
    return [this, first = true]() mutable {
      if (std::exchange(first, false)) operation_.while_asleep(world_);
      return true;
    };
  }

  void die(bool reap) {
    world_.victim_died_as_owner =
        world_.lock != nullptr && os::pid_of(world_.lock_words().owner) == victim_->pid();
    if (operation_.last_look) operation_.last_look(world_);
    world_.board.died = now();
    victim_->kill(reap);
    if (operation_.at_death) operation_.at_death(world_);
  }

  const Operation& operation_;
  World world_;
  std::unique_ptr<Stepper> victim_;
};

void note(Tally& tally, const Operation& operation, Stage& stage, bool came,
          const std::string& where) {
  ++tally.deaths;
  if (!came) ++tally.passed;
  const std::string wrong = stage.survive();
  tally.longest = std::max(tally.longest, stage.stall());
  if (wrong.empty()) return;
  ++tally.failures;
  std::printf("FAILED %s, killed %s: %s\n", operation.name.c_str(), where.c_str(), wrong.c_str());
}

std::string describe(const Point& point) {
  char text[96];
  std::snprintf(text, sizeof text, "%s %#zx, time %zu", point.asleep ? "asleep in" : "behind",
                static_cast<std::size_t>(point.address),
                static_cast<std::size_t>(point.occurrence));
  return text;
}

// Every second victim is left a zombie, as parents do.
Tally kill_everywhere(const Operation& operation, Board& board) {
  Tally tally;
  set_watch_bound(kWatchBoundWhileRecorded);
  const Recording recording = Stage(operation, board).record_all();
  set_watch_bound(kWatchBound);
  tally.steps = recording.steps;
  auto points = recording.points;
  points.insert(points.end(), recording.all.begin(), recording.all.end());
  const std::size_t every = brief() ? 2 : 1;
  for (std::size_t i = 0; i < points.size(); i += every) {
    Stage stage(operation, board);
    const bool came = stage.die_at(points[i], i / every % 2 == 0);
    note(tally, operation, stage, came, describe(points[i]));
  }
  return tally;
}

std::vector<Operation> all_operations() {
  std::vector<Operation> all;
  for (auto& some :
       {ring_operations(), parcel_operations(), batch_operations(), tally_operations(),
        redelivery_operations(), shut_operations(), signal_operations(), memory_operations(),
        extent_operations(), waiting_operations(), lock_operations(), semaphore_operations(),
        event_operations(), condition_operations(), barrier_operations(), segment_operations()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

int run(const char* part) {
  const Leftovers leftovers;
  const SharedPages<Board> board;
  Tally sum;
  std::printf("%-66s %7s %7s %7s %11s\n", "operation", "steps", "deaths", "passed", "longest ms");
  std::size_t number = 0;
  for (const auto& operation : all_operations()) {
    if (operation.name.find(part) == std::string::npos) continue;
    if (brief() && ++number % 3 != 0) continue;
    const Tally tally = kill_everywhere(operation, *board);
    std::printf("%-66s %7zu %7zu %7zu %11.1f\n", operation.name.c_str(),
                static_cast<std::size_t>(tally.steps), static_cast<std::size_t>(tally.deaths),
                static_cast<std::size_t>(tally.passed), static_cast<double>(tally.longest) / 1e6);
    std::fflush(stdout);
    sum.deaths += tally.deaths;
    sum.failures += tally.failures;
    sum.longest = std::max(sum.longest, tally.longest);
  }
  const std::string left = leftovers.found();
  std::printf("chaos exhaustive: %zu deaths, %zu failures, longest stall %.1f ms, left behind:%s\n",
              static_cast<std::size_t>(sum.deaths), static_cast<std::size_t>(sum.failures),
              static_cast<double>(sum.longest) / 1e6, left.empty() ? " nothing" : left.c_str());
  return sum.failures == 0 && left.empty() && sum.deaths != 0 ? 0 : 1;
}

// The same addresses in every run, so that a failure can be looked up (addr2line, less the base of
// a program without randomisation); no search for symbols in the first call of a function; and no
// copies by `rep movs`, which traps once a byte.
void start_again_without_chance(char** arguments) {
  if (std::getenv("SHOAL_CHAOS_RESTARTED") != nullptr) return;
  ::setenv("SHOAL_CHAOS_RESTARTED", "1", 1);
  ::setenv("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1073741824", 1);
  ::setenv("LD_BIND_NOW", "1", 1);
  ::personality(ADDR_NO_RANDOMIZE);
  ::execv("/proc/self/exe", arguments);
  os::throw_errno("start again", "/proc/self/exe");
}

}  // namespace
}  // namespace shoal::chaos

int main(int count, char** arguments) {
  using namespace shoal;
  using namespace shoal::chaos;
  try {
    start_again_without_chance(arguments);
    pass_over(reinterpret_cast<std::uintptr_t>(&os::memory_left));
    return run(count > 1 ? arguments[1] : "");
  } catch (const std::exception& error) {
    std::printf("chaos exhaustive: %s\n", error.what());
    return 1;
  }
}
