#include "sync/slab.hpp"

#include <mutex>
#include <utility>

#include "os/fork_mutex.hpp"
#include "os/task.hpp"

namespace shoal::sync {
namespace {

// The slab that this process is filling. It goes with its last lock.
struct Current {
  std::weak_ptr<shm::Segment> segment;
  std::size_t used = 0;
  os::TaskWord maker = 0;
};

// Never destroyed: locks may be made by destructors of static objects.
Current& current() {
  static auto* const instance = new Current;
  return *instance;
}

std::shared_ptr<shm::Segment> new_slab() {
  return shm::Segment::create(shm::Kind::kSlab, "", kSlabSize, [](std::byte*) {});
}

}  // namespace

SlabPlace new_slot() {
  const os::TaskWord self = os::self();
  const auto take = [self]() -> SlabPlace {
    Current& slab = current();
    if (slab.maker != self || slab.used == shm::kSlabSlots) return {};
    auto segment = slab.segment.lock();
    if (segment == nullptr) return {};
    return {std::move(segment), slab.used++};
  };
  {
    const std::lock_guard guard(os::fork_mutex<Current>());
    if (auto place = take(); place.segment) return place;
  }
  auto fresh = new_slab();  // outside of the mutex: it takes others
  const std::lock_guard guard(os::fork_mutex<Current>());
  if (auto place = take(); place.segment) return place;  // another thread was first
  current() = {fresh, 0, self};
  return take();
}

shm::LockSlot& slot_at(const shm::Segment& segment, std::size_t index) {
  if (index >= shm::kSlabSlots) segment.throw_damaged("no slot " + std::to_string(index));
  return (&segment.content<shm::LockSlot>())[index];
}

}  // namespace shoal::sync
