// Rings with large items: how to come to one, and what must be true of it after a death.
#pragma once

#include "world.hpp"

namespace shoal::chaos {

/// The size of items that stand in extents.
constexpr std::uint64_t kFar = ring::kFarFrom;
constexpr Item kVictims{1000, kFar};

std::span<shm::Extent> extents_of(const World& world);
/// Bytes of shared memory that the ring has now, and that it has when it is drained.
std::uint64_t memory_of(const World& world);
std::uint64_t least_memory(const World& world);

/// As if it were much, and had not been used for a while: the next who finds it empty gives back.
void make_large_and_rested(World& world);

/// An item that was taken, and stands where it was put if it is large.
class Taken {
 public:
  /// The oldest, if there is one.
  static std::optional<Taken> from(World& world);
  [[nodiscard]] std::uint64_t number() const { return record_.number; }
  /// Looks at all of its bytes.
  [[nodiscard]] Item item() const;

 private:
  std::vector<std::byte> room_ = std::vector<std::byte>(64);
  ring::Record record_;
};

/// One that a new ring must have.
ring::Lent lend(World& world, std::uint64_t bytes);
/// An item that is written in place, into an extent of so many bytes.
void put_in_place(World& world, const Item& item, std::uint64_t extent);

/// Takes the first item, which is there before the operation begins.
void take_first(World& world);
/// A process does that, and is killed at its end.
void by_one_who_dies(const std::function<void()>& body);
/// A sleeper takes the first item, large, and keeps it until release_view().
void park_with_view(World& world);
/// Its item was the same all the time.
void release_view(World& world);

/// No byte of the segment is in two extents, or in an extent and a block.
void nothing_overlaps(const World& world);
/// The ring holds `without` or `with` what the victim did, and nothing but that; with it for sure
/// where the operation returned.
void ring_holds(World& world, const Items& without, const Items& with);
/// The same, where nothing is to be compared: all that is there, the ring drained.
Items rest_of(World& world);
/// Nothing leaks: a drained ring that is looked at has no more than that, and `in_use`.
void small(World& world, std::uint64_t in_use = 0);
/// Drained: large items come and go, each in an extent of its own.
void usable_and_small(World& world, std::uint64_t in_use = 0);

}  // namespace shoal::chaos
