#include "sync/place.hpp"

#include <array>
#include <mutex>
#include <shoal/error.hpp>
#include <utility>

#include "os/fork_mutex.hpp"
#include "os/task.hpp"

namespace shoal::sync {
namespace {

// Slots of one size, and how many of them a slab has: either way it takes 64 or 128 KiB.
struct Class {
  std::size_t slot;
  std::size_t count;
};
constexpr std::array kClasses{Class{shm::kSmallSlot, 256}, Class{shm::kLargeSlot, 8}};

// The slab of a class that this process is filling. It goes with the last object in it.
struct Current {
  std::weak_ptr<shm::Segment> segment;
  std::size_t used = 0;
  os::TaskWord maker = 0;
};

// Never destroyed: objects may be made by destructors of static objects.
std::array<Current, kClasses.size()>& current() {
  static auto* const instance = new std::array<Current, kClasses.size()>;
  return *instance;
}

std::size_t class_for(std::size_t size) noexcept { return size <= kClasses[0].slot ? 0 : 1; }

struct Taken {
  std::shared_ptr<shm::Segment> segment;
  std::uint64_t offset = 0;
};

Taken take_slot(std::size_t index) {
  const os::TaskWord self = os::self();
  const Class of = kClasses.at(index);
  const auto take = [&]() -> Taken {
    Current& slab = current().at(index);
    if (slab.maker != self || slab.used == of.count) return {};
    auto segment = slab.segment.lock();
    if (segment == nullptr) return {};
    return {std::move(segment), shm::kHeaderRoom + slab.used++ * of.slot};
  };
  {
    const std::lock_guard guard(os::fork_mutex<Current>());
    if (auto taken = take(); taken.segment) return taken;
  }
  auto fresh = shm::Segment::create(  // outside of the mutex: it takes others
      shm::Kind::kSlab, "", shm::kHeaderRoom + of.count * of.slot, [](std::byte*) {});
  const std::lock_guard guard(os::fork_mutex<Current>());
  if (auto taken = take(); taken.segment) return taken;  // another thread was first
  current().at(index) = {fresh, 0, self};
  return take();
}

void write(std::byte* slot, shm::Kind kind, const Place::Init& init) {
  if (init) init(slot);
  reinterpret_cast<shm::SlotHead*>(slot)->kind.store(static_cast<std::uint32_t>(kind),
                                                     std::memory_order_release);
}

}  // namespace

Place::Place(std::shared_ptr<shm::Segment> segment, bool in_slab, std::uint64_t offset)
    : segment_(std::move(segment)),
      bytes_(segment_->at(offset, 0)),
      offset_(offset),
      in_slab_(in_slab) {}

Place Place::make(shm::Kind kind, std::size_t size, const Init& init) {
  Taken taken = take_slot(class_for(size));
  Place place(std::move(taken.segment), true, taken.offset);
  write(place.bytes_, kind, init);
  return place;
}

Place Place::make_named(shm::Kind kind, const std::string& name, std::size_t size,
                        const Init& init) {
  auto segment = shm::Segment::create_named(
      kind, name, shm::kHeaderRoom + size,
      [&](std::byte* base) { write(base + shm::kHeaderRoom, kind, init); });
  return {std::move(segment), false, shm::kHeaderRoom};
}

Place Place::open(shm::Kind kind, const std::string& name, std::size_t size) {
  return of_kind(shm::Segment::open_named(kind, name, shm::kHeaderRoom + size), false,
                 shm::kHeaderRoom, kind, size);
}

Place Place::attach(shm::Kind kind, os::Fd file, bool in_slab, std::uint64_t offset,
                    std::size_t size) {
  // What lies further in than the first object is the lock inside a condition with a name.
  const shm::Kind inside = offset == shm::kHeaderRoom ? kind : shm::Kind::kCondition;
  const shm::Kind holder = in_slab ? shm::Kind::kSlab : inside;
  auto segment = shm::Segment::attach(holder, std::move(file), shm::kHeaderRoom);
  return of_kind(std::move(segment), in_slab, offset, kind, size);
}

Place Place::of_kind(std::shared_ptr<shm::Segment> segment, bool in_slab, std::uint64_t offset,
                     shm::Kind kind, std::size_t size) {
  const std::uint64_t whole = segment->size();
  if (offset < shm::kHeaderRoom || offset % 8 != 0 || offset > whole || size > whole - offset) {
    segment->throw_damaged("no object at " + std::to_string(offset));
  }
  Place place(std::move(segment), in_slab, offset);
  const auto found = place.slot<shm::SlotHead>().kind.load(std::memory_order_acquire);
  if (found != static_cast<std::uint32_t>(kind)) {
    throw WrongKind(shm::with_article(kind) + " was asked for, but at " + std::to_string(offset) +
                    " of " + place.segment().label() + " there is " +
                    (found == 0 ? "nothing" : shm::with_article(static_cast<shm::Kind>(found))));
  }
  return place;
}

Place Place::within(const void* slot) const {
  const auto distance = static_cast<const std::byte*>(slot) - bytes_;
  return {segment_, in_slab_, offset_ + static_cast<std::uint64_t>(distance)};
}

std::string Place::label() const {
  if (!in_slab_) return segment_->label();
  const auto kind = slot<shm::SlotHead>().kind.load(std::memory_order_relaxed);
  return std::string("a nameless ") + shm::to_string(static_cast<shm::Kind>(kind));
}

std::string Place::name() const { return in_slab_ ? "" : segment_->name(); }

}  // namespace shoal::sync
