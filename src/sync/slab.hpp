// Where nameless locks live: many in one segment, so that thousands cost few descriptors.
#pragma once

#include <cstddef>
#include <memory>

#include "shm/segment.hpp"

namespace shoal::sync {

/// A slot of a slab and its place.
struct SlabPlace {
  std::shared_ptr<shm::Segment> segment;
  std::size_t index = 0;
};

/// A fresh slot of a slab made by this process, all zero. Slots are not used twice, as others may
/// still hold a handle; a slab goes with its last handle in each process. A child makes slabs of
/// its own, so two processes never give out the same slot.
SlabPlace new_slot();

/// Bytes of a slab's segment.
constexpr std::size_t kSlabSize = shm::kHeaderRoom + shm::kSlabSlots * sizeof(shm::LockSlot);

/// The slot at an index; throws Damaged where there is none.
shm::LockSlot& slot_at(const shm::Segment& segment, std::size_t index);

}  // namespace shoal::sync
