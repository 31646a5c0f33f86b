// Random deaths around all that a ring does beside put and get: batches, a limit of bytes, memory
// that is given back, the signal of who waits by a descriptor, and items that are to be ended.
#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <map>
#include <shoal/error.hpp>

#include "ring/volume.hpp"
#include "ring_rounds.hpp"

namespace shoal::chaos {
namespace {

constexpr std::array kBatches{
    Load{.name = "batches, 2+2", .producers = 2, .consumers = 2, .batches = true},
    Load{.name = "batches, 2+2, large records",
         .producers = 2,
         .consumers = 2,
         .large_once = 300,
         .batches = true},
    Load{.name = "batches, 3+1, at most 10",
         .producers = 3,
         .consumers = 1,
         .max_items = 10,
         .batches = true},
    Load{.name = "batches, 1+3, at most 100",
         .producers = 1,
         .consumers = 3,
         .max_items = 100,
         .batches = true},
};

constexpr std::array kBytes{
    Load{.name = "bytes, 2+2, at most 100", .producers = 2, .consumers = 2, .max_bytes = 100},
    Load{.name = "bytes, 3+1, at most 4096", .producers = 3, .consumers = 1, .max_bytes = 4096},
    Load{.name = "bytes, 1+3, large records",
         .producers = 1,
         .consumers = 3,
         .large_once = 30,
         .max_bytes = 3U << 20U},
    Load{.name = "bytes, 2+2, batches, at most 1000",
         .producers = 2,
         .consumers = 2,
         .max_bytes = 1000,
         .batches = true},
};

constexpr std::array kMemory{
    Load{.name = "memory, 2+2", .producers = 2, .consumers = 2, .bursts = true},
    Load{.name = "memory, 1+3, at most 16 MiB",
         .producers = 1,
         .consumers = 3,
         .max_bytes = 16U << 20U,
         .bursts = true},
};

constexpr std::array kSignals{
    Load{.name = "signal, 2+2", .producers = 2, .consumers = 2, .by_descriptor = true},
    Load{.name = "signal, 1+3", .producers = 1, .consumers = 3, .by_descriptor = true},
    Load{.name = "signal, 2+2, at most 1",
         .producers = 2,
         .consumers = 2,
         .max_items = 1,
         .by_descriptor = true},
    Load{.name = "signal, 2+2, batches",
         .producers = 2,
         .consumers = 2,
         .batches = true,
         .by_descriptor = true},
    Load{.name = "signal, 2+2, a name",
         .producers = 2,
         .consumers = 2,
         .by_descriptor = true,
         .named = true},
    Load{.name = "signal, 1+3, a name, at most 1",
         .producers = 1,
         .consumers = 3,
         .max_items = 1,
         .by_descriptor = true,
         .named = true},
};

constexpr std::array kTallies{
    Load{.name = "tally, 2+2", .producers = 2, .consumers = 2, .joinable = true},
    Load{.name = "tally, 1+3, at most 5",
         .producers = 1,
         .consumers = 3,
         .max_items = 5,
         .joinable = true},
    Load{.name = "tally, 2+2, batches",
         .producers = 2,
         .consumers = 2,
         .batches = true,
         .joinable = true},
};

// Consumers take what is left, though they may be waiting for their next bound.
void until_drained(Crew& crew) {
  crew.wait_until([&] { return crew.ring().items() == 0; }, "the last items");
}

std::uint64_t file_bytes(const Crew& crew) {
  struct stat facts{};
  if (::fstat(crew.segment().fd(), &facts) != 0) return 0;
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

// As many bytes are counted as there are: none. Nobody moves anything now.
void no_bytes_are_counted(Crew& crew) {
  until_drained(crew);
  auto& words = crew.words();
  const auto put = ring::Volume(words.put).at(ring::Position(words.tail));
  const auto taken = ring::Volume(words.taken).at(ring::Position(words.head));
  crew.must(put == taken, "an empty ring counts " + std::to_string(put) + " bytes put, " +
                              std::to_string(taken) + " taken");
  crew.must(!crew.ring().full(), "an empty ring is full");
}

// But for its own words and the first block, the table of extents, and what it keeps in any case.
void memory_is_given_back(Crew& crew) {
  constexpr std::uint64_t kKept = (4U << 20U) + (256U << 10U);
  until_drained(crew);
  crew.wait_until(
      [&] {
        crew.words().grown_at = 0;
        return file_bytes(crew) <= kKept;
      },
      "memory that nobody gave back");
}

bool readable(Crew& crew) {
  pollfd asked{crew.ring().signal_descriptor(), POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

void the_signal_is_lowered(Crew& crew) {
  until_drained(crew);
  crew.wait_until(
      [&] {
        crew.must(!crew.ring().wait_for_item(os::Deadline::now()), "an item from nowhere");
        return !readable(crew);
      },
      "a signal that nobody lowers");
}

// ------------------------------------------------------------------ items that are to be ended

struct Told {
  std::uint64_t deaths = 0;
  std::uint64_t items = 0;
};

// What join says is lost is ended here. The number of items.
std::uint64_t end_for_the_dead(Crew& crew, os::Deadline deadline) {
  std::uint64_t items = 0;
  for (;;) {
    try {
      crew.must(!crew.ring().join(deadline) || crew.ring().items() == 0, "join came back early");
      return items;
    } catch (const ConsumerDied& died) {
      for (std::uint64_t i = 0; i < died.items(); ++i) crew.ring().end_item();
      items += died.items();
    }
  }
}

// A consumer that was killed had in hand what it had taken and not ended; it may have been at
// taking some more, or at ending one.
void as_many_as_they_had_are_lost(Crew& crew, const std::vector<Victim>& victims, Told& told) {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  for (const Victim& victim : victims) {
    const Life& dead = crew.ledger().lives[victim.life];
    if (dead.producer || dead.turns + dead.done + dead.wanted == 0) continue;
    ++told.deaths;
    least += dead.done - std::min(dead.begun.load(), dead.done.load());
    most += dead.done - dead.ended + (dead.witness == kNothing ? 0 : dead.wanted.load());
  }
  const std::uint64_t lost = end_for_the_dead(crew, os::Deadline::now());
  told.items += lost;
  crew.must(lost >= least && lost <= most, "join tells of " + std::to_string(lost) +
                                               " items, the dead had " + std::to_string(least) +
                                               " to " + std::to_string(most));
}

void all_is_ended(Crew& crew) {
  until_drained(crew);
  end_for_the_dead(crew, os::Deadline::after(kDeadline));
  crew.must(crew.ring().join(os::Deadline::now()), "not all is ended at the end");
  try {
    crew.ring().end_item();
    crew.must(false, "more was ended than there was");
  } catch (const NotHeldError&) {
  }
}

}  // namespace

bool kill_around_batches(const Plan& plan) {
  return kill_around(plan, {.title = "batch", .loads = kBatches});
}

bool kill_around_a_limit_of_bytes(const Plan& plan) {
  return kill_around(plan, {.title = "bytes", .loads = kBytes, .at_the_end = no_bytes_are_counted});
}

bool kill_around_memory(const Plan& plan) {
  std::uint64_t before = 0;
  std::uint64_t times = 0;
  const auto count = [&](Crew& crew, const std::vector<Victim>&) {
    const std::uint64_t now = crew.words().more.load();
    if (now < before) ++times;
    before = now;
  };
  return kill_around(
      plan, {.title = "memory",
             .loads = kMemory,
             .after_deaths = count,
             .at_the_end = memory_is_given_back,
             .text = [&] { return "given back between " + std::to_string(times) + " looks"; }});
}

bool kill_around_a_signal(const Plan& plan) {
  return kill_around(plan,
                     {.title = "signal", .loads = kSignals, .at_the_end = the_signal_is_lowered});
}

bool kill_around_a_tally(const Plan& plan) {
  Told told;
  return kill_around(plan, {.title = "tally",
                            .loads = kTallies,
                            .after_deaths =
                                [&](Crew& crew, const std::vector<Victim>& victims) {
                                  as_many_as_they_had_are_lost(crew, victims, told);
                                },
                            .at_the_end = all_is_ended,
                            .text =
                                [&] {
                                  return "join told of " + std::to_string(told.items) +
                                         " items of " + std::to_string(told.deaths) + " consumers";
                                }});
}

}  // namespace shoal::chaos
