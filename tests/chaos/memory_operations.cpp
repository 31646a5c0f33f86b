// Deaths while memory is given back, and while the bytes in a ring with a limit of them change.
#include <sys/stat.h>

#include <shoal/error.hpp>

#include "ring/volume.hpp"
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

void was_grown_long_ago(const World& world) { world.ring_words().grown_at = 0; }

// Larger than what a ring keeps in any case.
std::function<void(World&)> with_one(const ring::Options& options) {
  return [options](World& world) {
    world.make_ring(options);
    world.already_there({1, kLarge});
    was_grown_long_ago(world);
  };
}
std::function<void(World&)> drained(const ring::Options& options = {}) {
  return [options](World& world) {
    world.make_ring(options);
    world.already_there({1, kLarge});
    must(world.take_all() == world.before, "it was there");
    must(bytes_of(world) > kLarge, "memory was given back too early");
    was_grown_long_ago(world);
  };
}

// The same of items that are too small for extents.
void drained_blocks(World& world) {
  world.make_ring();
  for (std::uint64_t id = 1; id <= 60; ++id) world.already_there({id, 100'000});
  must(world.take_all() == world.before, "it was there");
  must(bytes_of(world) > kLarge, "memory was given back too early");
  was_grown_long_ago(world);
}

void is_small(const World& world) {
  must(bytes_of(world) < 1U << 20U, "memory that nobody gave back");
}

// What the ring counts; 0 where it has no limit of bytes.
std::uint64_t counted_bytes(const World& world) {
  auto& words = world.ring_words();
  return ring::Volume(words.put).at(ring::Position(words.tail)) -
         ring::Volume(words.taken).at(ring::Position(words.head));
}

void usable_and_small(World& world) {
  const bool limited = world.ring->max_bytes() != 0;
  must(world.ring->empty() && world.ring->items() == 0, "an empty ring that counts items");
  must(!world.get(os::Deadline::now()).has_value(), "an item from nowhere");
  is_small(world);
  must(counted_bytes(world) == 0, "an empty ring that counts bytes");
  for (const std::uint64_t size : {std::uint64_t{8}, std::uint64_t{70'000}, 2 * kLarge}) {
    must(world.put({3000, size}), "cannot put any more");
    world.went_on();
    must(world.ring->items() == 1, "one item is not counted as one");
    must(counted_bytes(world) == (limited ? size : 0), "other bytes are counted than were put");
    must(world.take_all() == Items{{3000, size}}, "cannot get any more");
  }
}

Operation give_back(std::string name = "", const ring::Options& options = {}) {
  return {.name = "get that gives memory back" + std::move(name),
          .prepare = drained(options),
          .operate =
              [](World& world) {
                world.victim_gets(os::Deadline::now());
                must(bytes_of(world) < 1U << 20U, "memory is kept");
              },
          .check = usable_and_small};
}

Operation give_back_blocks() {
  Operation operation = give_back(" of blocks");
  operation.prepare = drained_blocks;
  return operation;
}

// The sleeper has read where the head is before it moves. It would give the memory back itself, if
// the victim had not the lock by then.
Operation give_back_beside_one_that_waits() {
  Operation operation = give_back(", beside one that waits");
  operation.gather = [](World& world) {
    world.ring_words().grown_at = os::coarse_now().count();
    world.park([&world](Role& role) {
      const auto got = world.get();
      role.number = got && got->item == Item{1000, 40} ? 1 : 0;
    });
  };
  operation.operate = [operate = operation.operate](World& world) {
    was_grown_long_ago(world);
    operate(world);
  };
  operation.check = [](World& world) {
    must(world.put({1000, 40}), "cannot put any more");
    world.expect_sleepers_back();
    must(world.board.sleepers[0].number == 1, "who waited got another item");
    usable_and_small(world);
  };
  return operation;
}

// Small after the next look, which is at its end where the ring was shut: nobody can put then.
void open_or_shut_and_small(World& world) {
  if (world.ring_words().shut == 0) {
    must(!world.board.victim.done, "shut returned without effect");
    must(world.take_all() == world.before, "an open ring holds other items");
    usable_and_small(world);
    return;
  }
  try {
    static_cast<void>(world.get(os::Deadline::now()));
    must(false, "there is something after the end");
  } catch (const ShutDown&) {
    world.went_on();
  }
  must(world.ring->empty() && world.ring->items() == 0, "items are counted after the end");
  must(counted_bytes(world) == 0 && !world.ring->full(), "bytes are counted after the end");
  is_small(world);
}

Operation shut_that_gives_back(std::string name, const ring::Options& options) {
  return {.name = "shut at once that gives memory back" + std::move(name),
          .prepare = with_one(options),
          .operate =
              [](World& world) {
                world.ring->shut(true);
                is_small(world);
              },
          .check = open_or_shut_and_small};
}

// By who finds it shut and drained, as who shut it died before it had given the memory back.
Operation give_back_after_the_end(std::string name, const ring::Options& options) {
  return {.name = "get that gives memory back after the end" + std::move(name),
          .prepare =
              [options](World& world) {
                drained(options)(world);
                world.ring_words().shut = static_cast<std::uint32_t>(ring::Shut::kForAll);
              },
          .operate =
              [](World& world) {
                try {
                  world.victim_gets(os::Deadline::now());
                } catch (const ShutDown&) {
                  is_small(world);
                }
              },
          .check = open_or_shut_and_small};
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
  const ring::Options limited{.max_bytes = 2 * kLarge};
  const ring::Options joinable{.joinable = true};
  return {give_back(),
          give_back_blocks(),
          give_back(" where bytes are limited", limited),
          give_back_beside_one_that_waits(),
          shut_that_gives_back("", {}),
          shut_that_gives_back(" where bytes are limited", limited),
          shut_that_gives_back(" of a joinable ring", joinable),
          give_back_after_the_end("", {}),
          give_back_after_the_end(" where bytes are limited", limited),
          put_of_some_bytes(),
          get_of_some_bytes(),
          repair_of_bytes(),
          get_that_makes_room()};
}

}  // namespace shoal::chaos
