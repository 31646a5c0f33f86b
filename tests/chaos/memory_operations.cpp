// Deaths while memory is given back, and while the bytes in a ring with a limit of them change.
#include <sys/stat.h>

#include "world.hpp"

namespace shoal::chaos {
namespace {

// ---- memory that is given back

constexpr std::uint64_t kLarge = 5U << 20U;

std::uint64_t bytes_of(const World& world) {
  struct stat facts{};
  must(::fstat(world.segment->fd(), &facts) == 0, "no file");
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

// Drained, and not grown for a long time.
void drained(World& world, std::uint64_t items, std::uint64_t size) {
  world.make_ring();
  for (std::uint64_t id = 1; id <= items; ++id) world.already_there({id, size});
  must(world.take_all() == world.before, "it was there");
  world.ring_words().grown_at = 0;
}

void usable_and_small(World& world) {
  must(world.ring->empty() && world.ring->items() == 0, "an empty ring that counts items");
  must(!world.get(os::Deadline::now()).has_value(), "an item from nowhere");
  must(bytes_of(world) < 1U << 20U, "memory that nobody gave back");
  for (const std::uint64_t size : {std::uint64_t{8}, std::uint64_t{70'000}, 2 * kLarge}) {
    must(world.put({3000, size}), "cannot put any more");
    world.went_on();
    must(world.ring->items() == 1, "one item is not counted as one");
    must(world.take_all() == Items{{3000, size}}, "cannot get any more");
  }
}

Operation give_back() {
  return {.name = "get that gives memory back",
          .prepare = [](World& world) { drained(world, 1, kLarge); },
          .operate =
              [](World& world) {
                world.victim_gets(os::Deadline::now());
                must(bytes_of(world) < 1U << 20U, "memory is kept");
              },
          .check = usable_and_small};
}

// Of items that are too small for extents.
Operation give_back_blocks() {
  Operation operation = give_back();
  operation.name += " of blocks";
  operation.prepare = [](World& world) { drained(world, 60, 100'000); };
  return operation;
}

// The sleeper has read where the head is before it moves.
Operation give_back_beside_one_that_waits() {
  Operation operation = give_back();
  operation.name += ", beside one that waits";
  operation.gather = [](World& world) {
    world.ring_words().grown_at = os::coarse_now().count();  // by the victim, not by this one
    world.park([&world](Role& role) {
      const auto got = world.get();
      role.number = got && got->item == Item{1000, 40} ? 1 : 0;
    });
    world.ring_words().grown_at = 0;
  };
  operation.check = [](World& world) {
    must(world.put({1000, 40}), "cannot put any more");
    world.expect_sleepers_back();
    must(world.board.sleepers[0].number == 1, "who waited got another item");
    usable_and_small(world);
  };
  return operation;
}

// ---- the limit of bytes

constexpr std::uint64_t kSize = 200;
constexpr std::uint64_t kMost = 2000;

void limited(World& world) {
  world.make_ring({.max_bytes = kMost});
  for (std::uint64_t id = 1; id <= 3; ++id) world.already_there({id, kSize});
}

// Exactly as much goes in as there is room for.
void exact(World& world, std::uint64_t fewest) {
  const std::uint64_t items = world.ring->items();
  must(items == fewest || items == fewest + 1, "items are lost, or from nowhere");
  const std::uint64_t room = kMost - items * kSize;
  must(!world.put({3000, room + 1}, os::Deadline::now()), "more goes in than may");
  must(world.put({3001, room}, os::Deadline::now()), "less goes in than may");
  world.went_on();
  must(world.take_all().size() == items + 1, "items are lost, or from nowhere");
  for (int i = 0; i < 3; ++i) {
    must(world.put({3002, kMost}, os::Deadline::now()), "what was taken is still counted");
    must(!world.put({3003, 8}, os::Deadline::now()), "what was put is not counted");
    must(world.take_all().size() == 1, "cannot get any more");
  }
}

Operation put_of_some_bytes() {
  return {.name = "put where bytes are limited",
          .prepare =
              [](World& world) {
                limited(world);
                world.victim_will_put({1000, kSize});
              },
          .operate = [](World& world) { world.victim_puts(); },
          .check = [](World& world) { exact(world, 3); }};
}

Operation get_of_some_bytes() {
  return {.name = "get where bytes are limited",
          .prepare = limited,
          .operate = [](World& world) { world.victim_gets(); },
          .check = [](World& world) { exact(world, 2); }};
}

Operation repair_of_bytes() {
  return {.name = "put where a producer died after its commit and bytes are limited",
          .prepare =
              [](World& world) {
                limited(world);
                auto& words = world.ring_words();
                const std::uint64_t tail = words.tail;
                const std::uint64_t position = words.put.position[0];
                const std::uint64_t other = words.put.position[1];
                const std::uint64_t bytes = words.put.bytes[0];
                const std::uint64_t other_bytes = words.put.bytes[1];
                world.already_there({4, kSize});
                words.tail = tail;
                words.put.position[0] = position;
                words.put.position[1] = other;
                words.put.bytes[0] = bytes;
                words.put.bytes[1] = other_bytes;
                words.producers.owner = word_of_a_dead_process();
                world.victim_will_put({1000, kSize});
              },
          .operate = [](World& world) { world.victim_puts(); },
          .check = [](World& world) { exact(world, 4); }};
}

// Waits for room: who takes wakes it, and a death of who takes leaves it waiting for a while.
Operation get_that_makes_room() {
  return {.name = "get that makes room for one that waits",
          .prepare =
              [](World& world) {
                world.make_ring({.max_bytes = kMost});
                world.already_there({1, kMost / 2});
                world.already_there({2, kMost / 2});
              },
          .operate = [](World& world) { world.victim_gets(); },
          .check =
              [](World& world) {
                if (world.ring->items() == 2) must(world.get().has_value(), "full of nothing");
                world.expect_sleepers_back();
                world.went_on();
              },
          .gather =
              [](World& world) {
                world.park([&world](Role&) {
                  must(world.put({1000, kMost / 2}), "a put that does not return");
                });
              }};
}

}  // namespace

std::vector<Operation> memory_operations() {
  return {give_back(),          give_back_blocks(),  give_back_beside_one_that_waits(),
          put_of_some_bytes(),  get_of_some_bytes(), repair_of_bytes(),
          get_that_makes_room()};
}

}  // namespace shoal::chaos
