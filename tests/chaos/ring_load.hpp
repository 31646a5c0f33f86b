// Producers and consumers that keep a ledger of what they put and got, in memory that outlives
// them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "child.hpp"
#include "ring/ring.hpp"
#include "scenarios.hpp"

namespace shoal::chaos {

/// What a round puts through a ring, and how.
struct Load {
  const char* name;
  std::size_t producers;
  std::size_t consumers;
  std::uint64_t max_items;      ///< 0: no limit
  std::uint64_t large_once;     ///< one record in so many has 64 KiB to 2 MiB; 0: none
  std::uint64_t max_bytes = 0;  ///< 0: no limit
  bool batches = false;         ///< by put_many and get_many
  bool bursts = false;          ///< the ring grows, and gives its memory back when it is drained
  bool by_descriptor = false;   ///< consumers sleep in poll
  bool joinable = false;        ///< consumers take some, and then end them
  bool far = false;             ///< records of 8 bytes to 1 MiB, half of them by loans and by views
  bool named = false;           ///< the ring has a name, which is removed at the first death
};

constexpr std::size_t kMostLives = 4096;            // of processes in a round
constexpr std::uint64_t kMostNumbers = 16U << 20U;  // items in a round
constexpr std::uint64_t kRoundEndsAt = kMostNumbers * 3 / 4;

/// One process, from its start to its death. Only it writes here.
struct Life {
  std::atomic<std::uint64_t> begun;    ///< puts begun; of a consumer, items whose end was begun
  std::atomic<std::uint64_t> done;     ///< puts returned, or items got and noted
  std::atomic<std::uint64_t> ended;    ///< items whose end returned
  std::atomic<std::uint64_t> turns;    ///< calls returned: it goes on
  std::atomic<std::uint64_t> witness;  ///< Ring::set_witness; kNothing: none
  std::atomic<std::uint64_t> wanted;  ///< the most that the call in hand takes, from that number on
  std::atomic<bool> producer;
  std::atomic<bool> stuck;  ///< a call came to the deadline
};
constexpr std::uint64_t kNothing = ~0ULL;

/// What was found wrong while it ran.
struct Faults {
  std::atomic<std::uint64_t> doubled;     ///< a number delivered twice
  std::atomic<std::uint64_t> torn;        ///< a payload that is not the one that was put
  std::atomic<std::uint64_t> disordered;  ///< an item of a producer behind a later one of it
};

/// Item `count` of a life; 0 is nobody's.
constexpr std::uint64_t id_of(std::uint64_t life, std::uint64_t count) {
  return (life + 1) << 32U | count;
}
constexpr std::uint64_t life_of(std::uint64_t id) { return (id >> 32U) - 1; }
constexpr std::uint64_t count_of(std::uint64_t id) { return id & 0xffffffffU; }

struct Ledger {
  std::array<Life, kMostLives> lives;
  Faults faults;
  std::atomic<bool> over;
  std::array<std::atomic<std::uint64_t>, kMostNumbers> got;  ///< by number in the queue: the id
};

/// What a worker has: its part of the round.
struct Place {
  ring::Ring& ring;
  shm::RingWords& words;
  Ledger& ledger;
  const Load& load;
  std::uint64_t life;
  std::uint64_t seed;
};

/// Puts items until the round is over or the ring is shut.
void produce(const Place& place);
/// Gets items and notes them, until the ring is shut.
void consume(const Place& place);

/// Puts one item of this size.
bool put_item(ring::Ring& ring, std::uint64_t id, std::uint64_t size, os::Deadline deadline);
/// Gets one item and notes it under its number, by which it can be asked for.
/// With `view` it is read where it stands, if it is far, and stays there.
std::optional<std::uint64_t> get_item(ring::Ring& ring, Ledger& ledger, os::Deadline deadline,
                                      ring::Lent* view = nullptr);

}  // namespace shoal::chaos
