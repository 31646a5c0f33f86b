// The scenarios of chaos_random. Each prints a closing line and returns whether all was as
// promised.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

#include "child.hpp"

namespace shoal::chaos {

struct Plan {
  std::uint64_t seed;
  std::uint64_t kills;  ///< to be reached,
  os::Deadline until;   ///< where this has come too
  [[nodiscard]] bool reached(std::uint64_t so_far) const {
    return so_far >= kills && (until.is_never() || until.passed());
  }
};

using Random = std::mt19937_64;
/// A number from `least` to `most`.
inline std::uint64_t draw(Random& random, std::uint64_t least, std::uint64_t most) {
  return std::uniform_int_distribution<std::uint64_t>(least, most)(random);
}
/// True once in `times`.
inline bool once_in(Random& random, std::uint64_t times) { return draw(random, 1, times) == 1; }

/// Producers and consumers of rings are killed. `title` opens the closing line.
bool kill_around_rings(const Plan& plan, const char* title);
/// The same where they use put_many and get_many,
bool kill_around_batches(const Plan& plan);
/// where bytes are limited,
bool kill_around_a_limit_of_bytes(const Plan& plan);
/// where memory is given back again and again,
bool kill_around_memory(const Plan& plan);
/// where consumers wait by a descriptor,
bool kill_around_a_signal(const Plan& plan);
/// and where items are to be ended.
bool kill_around_a_tally(const Plan& plan);
/// Who shuts a ring is killed, and those who use it.
bool kill_around_the_end(const Plan& plan);
/// The same, of items that stand in extents.
bool kill_around_large_items(const Plan& plan);
/// Owners of a lock, and those who wait for it, are killed.
bool kill_around_a_lock(const Plan& plan);
/// The same around an RLock, which its owner takes again and again.
bool kill_around_an_rlock(const Plan& plan);
/// Holders of permits, and those who wait for one, are killed.
bool kill_around_a_semaphore(const Plan& plan);
bool kill_around_a_tracked_semaphore(const Plan& plan);
/// Who sets an event, and those who wait for it, are killed.
bool kill_around_an_event(const Plan& plan);
/// Who notifies, and those who wait, are killed.
bool kill_around_a_condition(const Plan& plan);
/// Parties of a barrier are killed.
bool kill_around_a_barrier(const Plan& plan);
/// The same around a ring that delivers again what the dead had in hand.
bool kill_around_a_redelivery(const Plan& plan);
/// Processes are stopped and go on: the others' timed waits end in time.
bool stop_around_a_ring(const Plan& plan);

}  // namespace shoal::chaos
