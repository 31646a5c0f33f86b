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

/// What a round puts through a ring.
struct Load {
  const char* name;
  std::size_t producers;
  std::size_t consumers;
  std::uint64_t max_items;   ///< 0: no limit
  std::uint64_t large_once;  ///< one record in so many has 64 KiB to 2 MiB; 0: none
  std::uint64_t max_bytes = 0;
  /// Records of 8 bytes to 1 MiB; many are written and read where they stand, which takes a while.
  bool far = false;
};

constexpr std::size_t kMostLives = 4096;            // of processes in a round
constexpr std::uint64_t kMostNumbers = 16U << 20U;  // items in a round
constexpr std::uint64_t kRoundEndsAt = kMostNumbers * 3 / 4;

/// One process, from its start to its death. Only it writes here.
struct Life {
  std::atomic<std::uint64_t> begun;    ///< puts begun
  std::atomic<std::uint64_t> done;     ///< puts returned, or items got and noted
  std::atomic<std::uint64_t> turns;    ///< calls returned: it goes on
  std::atomic<std::uint64_t> witness;  ///< Ring::set_witness; kNothing: none
  std::atomic<bool> stuck;             ///< a call came to the deadline
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
/// Tells a consumer that the round is over.
constexpr std::uint64_t kEnd = kNothing;

struct Ledger {
  std::array<Life, kMostLives> lives;
  Faults faults;
  std::atomic<bool> over;
  std::array<std::atomic<std::uint64_t>, kMostNumbers> got;  ///< by number in the queue: the id
};

/// Puts items until the round is over, or its ledger is full.
void produce(ring::Ring& ring, Ledger& ledger, const Load& load, std::uint64_t life,
             std::uint64_t seed);
/// Gets items and notes them, until it gets kEnd.
void consume(ring::Ring& ring, Ledger& ledger, const Load& load, std::uint64_t life,
             std::uint64_t seed);

/// Puts one item of this size.
bool put_item(ring::Ring& ring, std::uint64_t id, std::uint64_t size, os::Deadline deadline);
/// Gets one item; notes it, unless it is kEnd, under its number.
struct GotItem {
  std::uint64_t number;
  std::uint64_t id;
  ring::Lent view{};  ///< where it stands, if that was asked for and it is far
};
enum class Way : std::uint8_t { kCopy, kInPlace };
std::optional<GotItem> get_item(ring::Ring& ring, Ledger& ledger, os::Deadline deadline,
                                Way way = Way::kCopy);

}  // namespace shoal::chaos
