// Deaths in put and get of items that carry descriptors. Those that arrive have the right one, and
// none is lost with a process that did not take it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "world.hpp"

namespace shoal::chaos {
namespace {

using Ids = std::vector<std::uint64_t>;

constexpr std::uint64_t kVictims = 1000;
constexpr std::uint64_t kMarker = 2000;

// A descriptor that can be told from others: its file is of `id` bytes.
os::Fd marked(std::uint64_t id) {
  os::Fd file(::memfd_create("marked", MFD_CLOEXEC));
  must(::ftruncate(file.get(), static_cast<off_t>(id)) == 0, "cannot make a file");
  return file;
}

void put(World& world, std::uint64_t id, int fd) {
  ring::Parcel parcel{std::span(&fd, 1)};
  const std::array<std::span<const std::byte>, 2> parts{std::as_bytes(std::span(&parcel.number, 1)),
                                                        std::as_bytes(std::span(&id, 1))};
  must(world.ring->put(parts, ring::Encoding::kParcel, os::Deadline::after(kDeadline), &parcel),
       "a put that does not return");
}
void put(World& world, std::uint64_t id) { put(world, id, marked(id).get()); }

// The id of the next item, which has the right descriptor; 0: there is none.
std::uint64_t get(World& world) {
  std::array<std::byte, 64> room{};
  ring::Record record;
  if (world.ring->get(room, record, os::Deadline::now()) != ring::Get::kDone) return 0;
  std::uint64_t id = 0;
  must(record.bytes == 2 * sizeof id, "an item of another size");
  std::memcpy(&id, room.data() + sizeof id, sizeof id);
  must(record.fds.size() == 1, "item " + std::to_string(id) + " has no descriptor");
  must(os::size_of(record.fds[0]) == id,
       "item " + std::to_string(id) + " has another's descriptor");
  return id;
}

// What the ring holds, with the marker that the survivor puts.
Ids drain(World& world) {
  put(world, kMarker);
  world.went_on();
  Ids all;
  while (const std::uint64_t id = get(world)) all.push_back(id);
  return all;
}

void holds(World& world, Ids without, Ids with) {
  for (auto* ids : {&without, &with}) ids->push_back(kMarker);
  const Ids all = drain(world);
  must(all == with || (all == without && !world.board.victim.done), "the ring holds other items");
  must(world.ring->empty() && world.ring->items() == 0, "an empty ring that counts items");
  for (std::uint64_t id = 1; id < 4; ++id) {
    put(world, id);
    must(get(world) == id, "cannot go on");
  }
}

void make(World& world) {
  world.make_ring();
  ring::Hold::make(*world.segment);
  for (std::uint64_t id = 1; id < 4; ++id) put(world, id);
}

// A message of one that died between it and the commit of its item, in front of those to come.
void leave_a_message(World& world) {
  const os::Fd file = marked(99);
  const int fd = file.get();
  must(world.ring->hold().send(++world.ring_words().parcels, {&fd, 1}), "no room in a new hold");
}

Operation get_of(std::string name, std::function<void(World&)> prepare) {
  return {.name = "get of an item with a descriptor" + std::move(name),
          .prepare = std::move(prepare),
          .operate = [](World& world) { must(get(world) == 1, "not the first item"); },
          .check = [](World& world) { holds(world, {1, 2, 3}, {2, 3}); }};
}

}  // namespace

std::vector<Operation> parcel_operations() {
  const auto file = std::make_shared<os::Fd>();
  Operation puts{.name = "put of an item with a descriptor",
                 .prepare =
                     [file](World& world) {
                       make(world);
                       *file = marked(kVictims);
                     },
                 .operate = [file](World& world) { put(world, kVictims, file->get()); },
                 .check = [](World& world) { holds(world, {1, 2, 3}, {1, 2, 3, kVictims}); }};
  return {puts, get_of("", make), get_of(" behind a message without one", [](World& world) {
            world.make_ring();
            ring::Hold::make(*world.segment);
            leave_a_message(world);
            for (std::uint64_t id = 1; id < 4; ++id) put(world, id);
          })};
}

}  // namespace shoal::chaos
