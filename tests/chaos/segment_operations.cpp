// Deaths while a named object is made: its name is absent, or the object is whole.
#include <unistd.h>

#include <shoal/error.hpp>

#include "world.hpp"

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kMaxItems = 77;

void choose_name(World& world) {
  static int made = 0;
  world.name = "chaos-" + std::to_string(::getpid()) + "-" + std::to_string(++made);
}

std::shared_ptr<shm::Segment> make(const World& world) {
  return shm::Segment::create_named(
      shm::Kind::kQueue, world.name, ring::Ring::segment_size(),
      [](std::byte* base) { ring::Ring::initialise(base, {kMaxItems}); });
}

std::shared_ptr<shm::Segment> open(const World& world) {
  return shm::Segment::open_named(shm::Kind::kQueue, world.name, ring::Ring::segment_size());
}

void absent_or_whole(World& world) {
  try {
    world.segment = open(world);
  } catch (const NameMissing&) {
    must(!world.board.victim.done, "an object that was made is not there");
    world.segment = make(world);  // the name is free
  }
  world.ring = std::make_unique<ring::Ring>(world.segment);
  must(world.ring->max_items() == kMaxItems, "a half-made object");
  const Item item{1, 100};
  must(world.put(item), "cannot put");
  const auto got = world.get();
  must(got && got->item == item, "cannot get");
}

void remove_name(World& world) {
  try {
    shm::Segment::unlink(shm::Kind::kQueue, world.name);
  } catch (const NameMissing&) {  // the survivor did not come to make it
  }
}

}  // namespace

std::vector<Operation> segment_operations() {
  return {{.name = "creation of a named segment",
           .prepare = choose_name,
           .operate = [](World& world) { make(world); },
           .check = absent_or_whole,
           .tidy = remove_name}};
}

}  // namespace shoal::chaos
