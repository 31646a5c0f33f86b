#include "extent_stages.hpp"

#include <signal.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace shoal::chaos {

void die() {
  ::raise(SIGKILL);
  std::abort();
}

// ---- preparation

void holds(World& world, const std::vector<std::uint64_t>& sizes) {
  for (const auto size : sizes) world.already_there({1 + world.before.size(), size});
}

// Extents that were used, and are free.
void with_free_ones(World& world, std::size_t count) {
  std::vector<ring::Lent> lent;
  for (std::size_t i = 0; i < count; ++i) lent.push_back(lend(world, kFar));
}

void lent_to_the_dead(World& world, std::uint64_t bytes) {
  by_one_who_dies([&] {
    const auto lent = lend(world, bytes);
    die();
  });
}

void viewed_by_the_dead(World& world) {
  by_one_who_dies([&] {
    const auto view = Taken::from(world);
    die();
  });
  world.before.erase(world.before.begin());
  ++world.first_number;
}

void put_by_the_dead(World& world, const Item& item) {
  by_one_who_dies([&] {
    if (world.put(item)) die();
  });
  world.before.push_back(item);
}

static shm::Extent& extent_of_last(World& world) {
  const std::uint64_t last = ring::Position(world.ring_words().tail).items();
  for (auto& extent : extents_of(world)) {
    if (extent.item == last) return extent;
  }
  throw Violation("an item without an extent");
}

// A consumer died when it was the owner of the first item's extent, before it moved the head.
void nearly_taken_by_the_dead(World& world) {
  holds(world, {kFar});
  extent_of_last(world).owner = word_of_a_dead_process();
}

// A producer died between its last commit and the tail's store.
void uncounted(World& world) {
  put_by_the_dead(world, {50, kFar});
  auto& words = world.ring_words();
  const ring::Position past(words.tail);
  words.tail = ring::Position(past.unit() - 2, past.items() - 1).word();
  words.producers.owner = word_of_a_dead_process();
}

// A producer died just before its commit: its extent has the number of an item to come.
void nearly_put_by_the_dead(World& world) {
  lent_to_the_dead(world);
  for (auto& extent : extents_of(world)) {
    if (extent.item == 0) extent.item = ring::Position(world.ring_words().tail).items() + 1;
  }
}

// A producer died before its extent had memory.
void without_memory_by_the_dead(World& world) {
  lent_to_the_dead(world);
  auto& size = extents_of(world).back().size;
  size = size | 1U;
}

// One of each kind, which the next to look for an extent has to tell from each other.
void after_many_deaths(World& world) {
  holds(world, {kFar, kFar});
  world.lent.push_back(lend(world, kFar));
  std::memset(world.lent.back().bytes().data(), 7, kFar);
  by_one_who_dies([&] {
    const auto view = Taken::from(world);
    const std::array lent{lend(world, kFar), lend(world, kFar), lend(world, kFar)};
    if (world.put({50, kFar})) die();
  });
  world.before = {world.before[1], {50, kFar}};
  world.first_number = 1;
  auto& of_next = extents_of(world)[1];
  of_next.owner = word_of_a_dead_process();  // as it took it
  const auto all = extents_of(world);
  all[4].size = all[4].size | 1U;
  all[5].item = ring::Position(world.ring_words().tail).items() + 1;
}

// By items of a page each; one is free then, of a size that does not serve.
void all_in_use(World& world, bool but_one) {
  for (std::size_t i = 0; i < shm::kExtents; ++i) {
    world.before.push_back({1 + i, 24});
    put_in_place(world, world.before.back(), 24);
  }
  if (but_one) take_first(world);
}

// ---- what must be true afterwards

void lent_is_unchanged(const World& world) {
  for (const auto& lent : world.lent) {
    for (std::size_t i = 0; i < kFar; ++i) {
      must(lent.bytes()[i] == std::byte{7}, "what was lent to another has changed");
    }
  }
}

// What others have meanwhile stays what it was; when they have given it back, the ring is small.
void all_that_is_to_be(World& world) {
  const std::uint64_t lent = world.lent.size() * kFar;
  usable_and_small(world, lent + world.sleepers.size() * kFar);
  lent_is_unchanged(world);
  if (world.sleepers.empty()) return;
  release_view(world);
  usable_and_small(world, lent);
}

void the_item_is_there_or_not(World& world) {
  Items with = world.before;
  with.push_back(*world.puts);
  ring_holds(world, world.before, with);
  all_that_is_to_be(world);
}

void at_most_the_head_was_taken(World& world) {
  Items rest = world.before;
  rest.erase(rest.begin());
  const auto& victim = world.board.victim;
  if (victim.done) must(victim.item == world.before.front(), "the victim got another item");
  const bool taken = ring::Position(world.ring_words().head).items() != world.first_number;
  must(!taken || world.board.witness == world.first_number, "the witness names another item");
  ring_holds(world, world.before, rest);
  all_that_is_to_be(world);
}

void nothing_has_changed(World& world) {
  ring_holds(world, world.before, world.before);
  all_that_is_to_be(world);
}

}  // namespace shoal::chaos
