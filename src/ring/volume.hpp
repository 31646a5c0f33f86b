// How many bytes are in a ring that has a limit of them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ring/record.hpp"
#include "shm/layout.hpp"

namespace shoal::ring {

/// The sum of the payloads that were ever put before the tail, or taken before the head: one of
/// each. It changes with a position that is one word of its own, so there are two notes: the one
/// for the position as it is counts, and the next is written to the other just before the position
/// moves. Killed at any instruction, the position says which of them is right, and there is nothing
/// to repair.
class Volume {
 public:
  explicit Volume(shm::VolumeWords& words) noexcept : words_(words) {}

  void start(Position at) noexcept { words_.position[0].store(at.word(), kRelaxed); }

  /// Under the lock of the position, just before it moves.
  void moves(Position from, Position to, std::uint64_t bytes) noexcept {
    if (from == to) return;
    const std::uint64_t sum = at(from) + bytes;
    const std::size_t other = words_.position[0].load(kRelaxed) == from.word() ? 1 : 0;
    words_.bytes[other].store(sum, std::memory_order_release);
    words_.position[other].store(to.word(), std::memory_order_release);
  }

  /// Without the lock the position may have moved on: then somewhat less than the truth.
  [[nodiscard]] std::uint64_t at(Position position) const noexcept {
    for (std::size_t i = 0; i < 2; ++i) {
      if (words_.position[i].load(std::memory_order_acquire) == position.word()) {
        return words_.bytes[i].load(std::memory_order_acquire);
      }
    }
    return std::min(words_.bytes[0].load(kRelaxed), words_.bytes[1].load(kRelaxed));
  }

 private:
  static constexpr auto kRelaxed = std::memory_order_relaxed;
  shm::VolumeWords& words_;
};

}  // namespace shoal::ring
