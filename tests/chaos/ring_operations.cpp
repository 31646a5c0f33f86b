// Deaths in put and get.
#include <algorithm>

#include "world.hpp"

namespace shoal::chaos {
namespace {

constexpr Item kVictims{1000, 40};
constexpr Item kMarker{2000, 24};
constexpr std::uint64_t kFirstBlock = 64 * 1024;
constexpr std::uint64_t kNextBlock = 1024 * 1024;

// ---- preparation

void holds(World& world, std::uint64_t items, std::uint64_t size) {
  for (std::uint64_t i = 0; i < items; ++i) world.already_there({1 + i, size});
}

void take(World& world, std::uint64_t items) {
  for (std::uint64_t i = 0; i < items; ++i) {
    const auto got = world.get(os::Deadline::now());
    must(got && got->item == world.before.front(), "a new ring loses items");
    world.before.erase(world.before.begin());
    ++world.first_number;
  }
}

// Puts and takes until `left` bytes remain between the tail and the end of the first block.
void leave_at_the_end(World& world, std::uint64_t left) {
  const auto& block = world.ring_words().blocks[0];
  const auto remain = [&] {
    return block.offset + block.size - ring::Position(world.ring_words().tail).unit() * ring::kUnit;
  };
  for (std::uint64_t id = 1; remain() > left; ++id) {
    world.already_there({id, std::min<std::uint64_t>(4096, remain() - left - ring::kUnit)});
    take(world, 1);
  }
  must(remain() == left, "cannot prepare a ring");
}

void with_dead_producer(World& world) {
  world.ring_words().producers.owner = word_of_a_dead_process();
}

// A producer died between the commit of this item and the tail's store.
void with_uncounted(World& world, const Item& item) {
  world.already_there(item);
  auto& tail = world.ring_words().tail;
  const ring::Position past(tail);
  tail = ring::Position(past.unit() - ring::Header::units_for(item.size), past.items() - 1).word();
  with_dead_producer(world);
}

// A producer died between a link back to the start of the first block and the tail's store.
void with_half_a_link(World& world) {
  const std::uint64_t start = world.ring_words().blocks[0].offset.load();
  const std::uint64_t tail = ring::Position(world.ring_words().tail).unit() * ring::kUnit;
  const auto header = [&](std::uint64_t at) -> shm::Word& {
    return *reinterpret_cast<shm::Word*>(world.segment->at(at, ring::kUnit));
  };
  header(start) = 0;
  header(tail) = ring::Header::link(start / ring::kUnit).word();
  with_dead_producer(world);
}

// ---- what the victim does

void remember_witness(World& world) { world.ring->set_witness(&world.board.witness); }

// ---- what must be true afterwards

void stamp(Role& role) {
  role.when = os::Clock::now().time_since_epoch().count();
  role.done = true;
}

// Everything up to and with the marker.
std::vector<World::Got> drain(World& world) {
  std::vector<World::Got> all;
  do {
    const auto got = world.get();
    must(got.has_value(),
         "a get that does not return, after " + std::to_string(all.size()) + " items");
    all.push_back(*got);
  } while (all.back().item != kMarker);
  return all;
}

void numbered_in_order(const std::vector<World::Got>& all) {
  for (std::size_t i = 1; i < all.size(); ++i) {
    must(all[i].number == all[i - 1].number + 1, "numbers do not follow each other");
  }
}

void usable_afterwards(World& world) {
  must(world.ring->empty() && world.ring->items() == 0, "an empty ring that counts items");
  must(!world.get(os::Deadline::now()), "an item from nowhere");
  for (const std::uint64_t size :
       {std::uint64_t{8}, kFirstBlock, kNextBlock + 8, std::uint64_t{100}}) {
    const Item item{3000 + size, size};
    must(world.put(item), "cannot put any more");
    must(world.ring->items() == 1, "one item is not counted as one");
    const auto got = world.get();
    must(got && got->item == item, "cannot get any more");
  }
}

// The ring holds `without` or `with` what the victim did, and nothing but that; with it for sure
// where the operation returned.
void ring_holds(World& world, const Items& without, const Items& with) {
  const std::uint64_t counted = world.ring->items();
  must(world.put(kMarker), "a put that does not return");
  stamp(world.board.survivor);
  const auto all = drain(world);
  numbered_in_order(all);
  Items items;
  for (const auto& got : all) items.push_back(got.item);
  items.pop_back();
  must(items == with || (items == without && !world.board.victim.done),
       "the ring holds " + to_string(items) + ", it was to hold " + to_string(without) + " or " +
           to_string(with) + (world.board.victim.done ? ", and the call had returned" : ""));
  must(counted == items.size(),
       "items() says " + std::to_string(counted) + ", there are " + std::to_string(items.size()));
  usable_afterwards(world);
}

void the_item_is_there_or_not(World& world) {
  Items with = world.before;
  with.push_back(*world.puts);
  ring_holds(world, world.before, with);
}

void at_most_the_head_was_taken(World& world) {
  const auto& victim = world.board.victim;
  Items rest = world.before;
  rest.erase(rest.begin());
  if (victim.done) must(victim.item == world.before.front(), "the victim got another item");
  const bool taken = ring::Position(world.ring_words().head).items() != world.first_number;
  must(!taken || world.board.witness == world.first_number, "the witness names another item");
  ring_holds(world, world.before, rest);
}

// ---- the table

using Prepare = std::function<void(World&)>;

Operation put_of(std::string name, const Prepare& prepare, Item item = kVictims) {
  return {.name = "put " + std::move(name),
          .prepare =
              [prepare, item](World& world) {
                world.make_ring();
                prepare(world);
                world.victim_will_put(item);
              },
          .operate = &World::victim_puts,
          .check = the_item_is_there_or_not};
}

Operation get_of(std::string name, const Prepare& prepare) {
  return {.name = "get " + std::move(name),
          .prepare =
              [prepare](World& world) {
                world.make_ring();
                prepare(world);
              },
          .operate = [](World& world) { world.victim_gets(); },
          .check = at_most_the_head_was_taken,
          .warm_up = remember_witness};
}

// The first block is almost full.
void first_block_full(World& world) { holds(world, 3, 20'000); }

// The head is behind the last item of the first block, the only item is in the second one.
void only_item_in_second_block(World& world) {
  first_block_full(world);
  world.already_there({10, 8'000});
  take(world, 3);
}

// Head and tail are in the third block, which is full; the second one is free again.
void third_block_full(World& world) {
  constexpr std::uint64_t kNear = 100'000;  // larger ones stand in no block
  only_item_in_second_block(world);
  take(world, 1);
  const auto& third = world.ring_words().blocks[2];
  for (std::uint64_t id = 11; third.size == 0; ++id) world.already_there({id, kNear});
  take(world, world.before.size());
  for (std::uint64_t id = 30; id < 49; ++id) world.already_there({id, kNear});
  world.already_there({50, 96'000});
  world.already_there({51, 95'000});
  for (const auto& position : {world.ring_words().head.load(), world.ring_words().tail.load()}) {
    const std::uint64_t at = ring::Position(position).unit() * ring::kUnit;
    must(at >= third.offset && at < third.offset + third.size, "cannot prepare a ring");
  }
}

std::vector<Operation> puts() {
  const auto few = [](World& world) { holds(world, 2, 30); };
  return {
      put_of("of a small item", few),
      put_of("into an empty ring", [](World&) {}),
      put_of("of one word", few, {1000, 8}),
      put_of("that wraps around the end of the block",
             [](World& world) { leave_at_the_end(world, 32); }),
      put_of("that wraps behind an item at the end",
             [](World& world) {
               leave_at_the_end(world, 64);
               holds(world, 1, 16);
             }),
      put_of("that grows into a new block", first_block_full, {1000, 8'000}),
      put_of("that goes on in a block used before", third_block_full, {1000, 8'000}),
      put_of("of more than a block holds", few, {1000, kFirstBlock + 4'000}),
  };
}

std::vector<Operation> gets() {
  return {
      get_of("of a small item", [](World& world) { holds(world, 3, 30); }),
      get_of("of the only item", [](World& world) { holds(world, 1, 8); }),
      get_of("across a link to the start",
             [](World& world) {
               leave_at_the_end(world, 32);
               holds(world, 2, 100);
             }),
      get_of("that ends a block",
             [](World& world) {
               first_block_full(world);
               world.already_there({10, 8'000});
               take(world, 2);
             }),
      get_of("across a link to another block", only_item_in_second_block),
      get_of("that is told of too little room first", [](World& world) { holds(world, 2, 3'000); }),
  };
}

// Deaths of those who take over from the dead.
std::vector<Operation> take_overs() {
  const auto behind_half_a_link = [](World& world) {
    leave_at_the_end(world, 32);
    with_half_a_link(world);
  };
  const auto uncounted = [](World& world) {
    holds(world, 2, 30);
    with_uncounted(world, {50, 40});
  };
  return {
      put_of("after a producer that died before its commit",
             [](World& world) {
               holds(world, 2, 30);
               with_dead_producer(world);
             }),
      put_of("after a producer that died before it moved the tail", uncounted),
      put_of("after a producer that died behind a link", behind_half_a_link),
      put_of("into a new block after a producer that died behind a link", behind_half_a_link,
             {1000, kFirstBlock}),
      put_of("after a producer that died in a new block",
             [](World& world) {
               first_block_full(world);
               with_uncounted(world, {50, 8'000});
             }),
      get_of("after a consumer that died",
             [](World& world) {
               holds(world, 2, 30);
               world.ring_words().consumers.owner = word_of_a_dead_process();
             }),
      get_of("of an item that a dead producer did not count",
             [](World& world) { with_uncounted(world, {50, 40}); }),
      {.name = "items() after a producer that died before it moved the tail",
       .prepare =
           [uncounted](World& world) {
             world.make_ring();
             uncounted(world);
           },
       .operate = [](World& world) { must(world.ring->items() == 3, "a wrong count"); },
       .check = [](World& world) { ring_holds(world, world.before, world.before); }},
  };
}

}  // namespace

std::vector<Operation> ring_operations() {
  std::vector<Operation> all = puts();
  for (auto& more : {gets(), take_overs()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace shoal::chaos
