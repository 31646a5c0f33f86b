// Deaths around puts of items that stand in extents.
#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>

#include "extent_stages.hpp"

namespace shoal::chaos {
namespace {

Operation put_of(std::string name, const Prepare& prepare, Item item = kVictims) {
  return {.name = "far: put " + std::move(name),
          .prepare =
              [prepare, item](World& world) {
                world.make_ring();
                prepare(world);
                world.victim_will_put(item);
              },
          .operate = &World::victim_puts,
          .check = the_item_is_there_or_not};
}

// Those that come next take what is free, and nothing else.
Operation put_after_many_deaths() {
  Operation operation = put_of("of a large item after many deaths", after_many_deaths);
  operation.check = [](World& world) {
    Items without = world.before;
    Items with = world.before;
    with.push_back(*world.puts);
    for (std::uint64_t id = 2500; id < 2506; ++id) {
      must(world.put({id, kFar}), "a put that does not return");
      without.push_back({id, kFar});
      with.push_back({id, kFar});
    }
    ring_holds(world, without, with);
    all_that_is_to_be(world);
  };
  return operation;
}

// Exactly as much goes in afterwards as there is room for.
Operation put_where_bytes_are_limited() {
  constexpr std::uint64_t kMost = 4 * kFar;
  return {.name = "far: put where bytes are limited",
          .prepare =
              [](World& world) {
                world.make_ring({.max_bytes = kMost});
                holds(world, {kFar, kFar});
                world.victim_will_put(kVictims);
              },
          .operate = &World::victim_puts,
          .check =
              [](World& world) {
                const std::uint64_t items = world.ring->items();
                must(items == 2 || items == 3, "items are lost, or from nowhere");
                const std::uint64_t room = kMost - items * kFar;
                must(!world.put({3000, room + 1}, os::Deadline::now()), "more goes in than may");
                must(world.put({3001, room}, os::Deadline::now()), "less goes in than may");
                world.went_on();
                must(world.take_all().size() == items + 1, "items are lost, or from nowhere");
                small(world);
                must(world.put({3002, kMost}, os::Deadline::now()), "what was taken is counted");
                must(world.take_all() == Items{{3002, kMost}}, "cannot get any more");
                small(world);
              }};
}

Operation put_that_sleeps_for_room() {
  Operation operation = put_of("of a large item that sleeps for room", [](World&) {});
  operation.prepare = [](World& world) {
    world.make_ring(1);
    holds(world, {kFar});
    world.victim_will_put(kVictims);
  };
  operation.while_asleep = [](World& world) { take_first(world); };
  operation.check = [](World& world) {
    must(!world.ring->full() || world.get().has_value(), "full of nothing");
    small(world);
    must(world.put({3000, kFar}, os::Deadline::now()), "cannot put any more");
    must(world.take_all() == Items{{3000, kFar}}, "cannot get any more");
    small(world);
  };
  return operation;
}

Operation put_that_wakes_a_view() {
  Operation operation = put_of("of a large item that wakes a sleeping view", [](World&) {});
  operation.gather = [](World& world) {
    world.park([&world](Role& role) {
      must(world.ring->wait_for_item(os::Deadline::after(kDeadline)), "nothing comes");
      const auto view = Taken::from(world);
      role.item = view ? view->item() : Item{};
    });
  };
  operation.check = [](World& world) {
    must(world.put({3000, kFar}), "a put that does not return");
    world.expect_sleepers_back();
    world.went_on();
    Items items{world.board.sleepers[0].item};
    for (const Item& item : world.take_all()) items.push_back(item);
    must(items == Items{kVictims, {3000, kFar}} ||
             (items == Items{{3000, kFar}} && !world.board.victim.done),
         "these were got: " + to_string(items));
    usable_and_small(world);
  };
  return operation;
}

// What put_many is called with: made beforehand, as each step takes its time.
struct Batch {
  Batch() {
    for (const std::uint64_t size : {std::uint64_t{24}, kFar, std::uint64_t{40}, kFar + 8}) {
      items.push_back({1000 + items.size(), size});
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      bytes[i] = bytes_of(items[i]);
      parts[i] = bytes[i];
      arguments[i].payload = {&parts[i], 1};
    }
  }
  Items items;
  std::array<std::vector<std::byte>, 4> bytes;
  std::array<std::span<const std::byte>, 4> parts;
  std::array<ring::Item, 4> arguments;
};

Operation put_many() {
  const auto batch = std::make_shared<Batch>();
  return {.name = "far: put_many of small and large items",
          .prepare =
              [](World& world) {
                world.make_ring();
                holds(world, {kFar, 8});
                with_free_ones(world, 1);
              },
          .operate =
              [batch](World& world) {
                std::size_t done = 0;
                must(world.ring->put_many(batch->arguments, os::Deadline::after(kDeadline), done),
                     "a put_many that does not return");
              },
          .check =
              [batch](World& world) {
                Items all = world.before;
                all.insert(all.end(), batch->items.begin(), batch->items.end());
                const Items rest = rest_of(world);
                must(rest.size() >= world.before.size() && rest.size() <= all.size() &&
                         std::equal(rest.begin(), rest.end(), all.begin()),
                     "the ring holds " + to_string(rest) + ", no beginning of " + to_string(all));
                must(!world.board.victim.done || rest == all, "not all is there");
                usable_and_small(world);
              }};
}

}  // namespace

std::vector<Operation> extent_puts() {
  return {
      put_of("of a large item into a fresh ring", [](World&) {}),
      put_of("of a large item behind others", [](World& world) { holds(world, {24, kFar, 40}); }),
      put_of("into an extent that is free", [](World& world) { with_free_ones(world, 1); }),
      put_of("into an extent that was lent to the dead",
             [](World& world) { lent_to_the_dead(world); }),
      put_of("into an extent that the dead had a view of",
             [](World& world) {
               holds(world, {kFar});
               viewed_by_the_dead(world);
             }),
      put_of("where the dead had one without memory", without_memory_by_the_dead),
      put_of("where a dead producer had one for the next item", nearly_put_by_the_dead),
      put_of("after a consumer that died as it took a large item", nearly_taken_by_the_dead),
      put_of("after a producer that died before it moved the tail", uncounted),
      put_of("of a small item after a producer that died so", uncounted, {1000, 40}),
      put_after_many_deaths(),
      put_of("of a large item beside a view",
             [](World& world) {
               holds(world, {kFar, kFar});
               park_with_view(world);
             }),
      put_of("where all extents are in use but one of another size",
             [](World& world) { all_in_use(world, true); }),
      put_of("where all extents are in use", [](World& world) { all_in_use(world, false); }),
      put_where_bytes_are_limited(),
      put_that_sleeps_for_room(),
      put_that_wakes_a_view(),
      put_many(),
  };
}

}  // namespace shoal::chaos
