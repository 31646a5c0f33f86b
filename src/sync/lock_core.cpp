#include "sync/lock_core.hpp"

#include <shoal/error.hpp>
#include <utility>

#include "sync/slab.hpp"

namespace shoal::sync {
namespace {

constexpr std::size_t kNamedSize = shm::kHeaderRoom + sizeof(shm::LockSlot);

std::shared_ptr<LockCore> in_own_segment(std::shared_ptr<shm::Segment> segment) {
  auto& slot = segment->content<shm::LockSlot>();
  return std::make_shared<LockCore>(std::move(segment), slot, false, 0);
}

}  // namespace

LockCore::LockCore(std::shared_ptr<shm::Segment> segment, shm::LockSlot& slot, bool in_slab,
                   std::size_t index)
    : segment_(std::move(segment)), lock_(slot.lock), index_(index), in_slab_(in_slab) {}

std::shared_ptr<LockCore> LockCore::create() {
  SlabPlace place = new_slot();
  auto& slot = slot_at(*place.segment, place.index);
  return std::make_shared<LockCore>(std::move(place.segment), slot, true, place.index);
}

std::shared_ptr<LockCore> LockCore::create(const std::string& name) {
  return in_own_segment(
      shm::Segment::create_named(shm::Kind::kLock, name, kNamedSize, [](std::byte*) {}));
}

std::shared_ptr<LockCore> LockCore::open(const std::string& name) {
  return in_own_segment(shm::Segment::open_named(shm::Kind::kLock, name, kNamedSize));
}

std::shared_ptr<LockCore> LockCore::attach(os::Fd file, bool in_slab, std::size_t index) {
  if (!in_slab) {
    return in_own_segment(shm::Segment::attach(shm::Kind::kLock, std::move(file), kNamedSize));
  }
  auto segment = shm::Segment::attach(shm::Kind::kSlab, std::move(file), kSlabSize);
  auto& slot = slot_at(*segment, index);
  return std::make_shared<LockCore>(std::move(segment), slot, true, index);
}

Taken LockCore::acquire(os::Deadline deadline) {
  return lock_.acquire(segment_->user(), segment_->bounds(), deadline, spin_);
}

void LockCore::release() {
  static_cast<void>(segment_->user());
  if (!lock_.release_if_held()) {
    throw NotHeldError(label() + " was released too many times: nobody holds it");
  }
}

std::string LockCore::label() const { return in_slab_ ? "a nameless lock" : segment_->label(); }

}  // namespace shoal::sync
