// Deaths in put_many, of which a prefix is there then, and in get_many, which takes all or none.
#include <algorithm>
#include <cstring>

#include "world.hpp"

namespace shoal::chaos {
namespace {

constexpr Item kMarker{2000, 24};
constexpr std::uint64_t kFirstVictims = 1000;

// ---- preparation

void holds(World& world, std::uint64_t items, std::uint64_t size) {
  for (std::uint64_t i = 0; i < items; ++i) world.already_there({1 + i, size});
}

// What put_many is called with: made beforehand, as each step takes its time.
struct Batch {
  explicit Batch(const std::vector<std::uint64_t>& sizes) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      items.push_back({kFirstVictims + i, sizes[i]});
      bytes.push_back(bytes_of(items.back()));
    }
    for (const auto& one : bytes) parts.emplace_back(one);
    for (const auto& part : parts) arguments.push_back({.payload = {&part, 1}});
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  Items items;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<std::span<const std::byte>> parts;
  std::vector<ring::Item> arguments;
};

// ---- what must be true afterwards

void usable_afterwards(World& world) {
  must(world.ring->empty() && world.ring->items() == 0, "an empty ring that counts items");
  for (const std::uint64_t size : {8U, 70'000U, 40U}) {
    must(world.put({3000, size}), "cannot put any more");
    must(world.ring->items() == 1, "one item is not counted as one");
    must(world.take_all() == Items{{3000, size}}, "cannot get any more");
  }
}

// All that is there; then the ring is used again.
Items rest_of(World& world) {
  const std::uint64_t counted = world.ring->items();
  const Items all = world.take_all();
  must(counted == all.size(),
       "items() says " + std::to_string(counted) + ", there are " + std::to_string(all.size()));
  must(world.put(kMarker), "a put that does not return");
  world.went_on();
  must(world.take_all() == Items{kMarker}, "the next item is not the next");
  return all;
}

// What was there before, less what was taken since, and a prefix of the batch: the whole of it
// where the call returned.
void a_prefix_is_there(World& world, const Items& batch) {
  const std::uint64_t taken = ring::Position(world.ring_words().head).items();
  Items all = world.before;
  all.insert(all.end(), batch.begin(), batch.end());
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(taken));
  const Items rest = rest_of(world);
  must(rest.size() + batch.size() >= all.size(), "what was there before is lost");
  must(rest.size() <= all.size() && std::equal(rest.begin(), rest.end(), all.begin()),
       "the ring holds " + to_string(rest) + ", no beginning of " + to_string(all));
  must(!world.board.victim.done || rest == all, "put_many returned, and not all is there");
  usable_afterwards(world);
}

Operation put_many(std::string name, std::uint64_t max_items, std::function<void(World&)> prepare,
                   const std::vector<std::uint64_t>& sizes) {
  const auto batch = std::make_shared<Batch>(sizes);
  return {.name = "put_many " + std::move(name),
          .prepare =
              [max_items, prepare = std::move(prepare)](World& world) {
                world.make_ring(max_items);
                prepare(world);
              },
          .operate =
              [batch](World& world) {
                std::size_t done = 0;
                must(world.ring->put_many(batch->arguments, os::Deadline::after(kDeadline), done) &&
                         done == batch->arguments.size(),
                     "a put_many that does not return");
              },
          .check = [batch](World& world) { a_prefix_is_there(world, batch->items); }};
}

// `most` were taken or none, and the victim noted the number of the first.
void all_or_none_are_taken(World& world, std::size_t most) {
  const std::uint64_t taken = ring::Position(world.ring_words().head).items() - world.first_number;
  must(taken == 0 || taken == most, std::to_string(taken) + " were taken");
  must(taken == most || !world.board.victim.done, "get_many returned, and took nothing");
  must(taken == 0 || world.board.witness == world.first_number, "the witness names another item");
  must(rest_of(world) ==
           Items(world.before.begin() + static_cast<std::ptrdiff_t>(taken), world.before.end()),
       "other items are left");
  usable_afterwards(world);
}

void get_many_now(World& world, std::size_t most) {
  static std::array<std::byte, 65'536> room;
  std::vector<ring::Slice> slices;
  const auto result = world.ring->get_many(room, most, slices, os::Deadline::after(kDeadline));
  must(result == ring::Get::kDone && slices.size() == most, "get_many takes another number");
  for (std::size_t i = 0; i < most; ++i) {
    std::uint64_t id = 0;
    std::memcpy(&id, room.data() + slices[i].offset, sizeof id);
    must(id == world.before[i].id, "get_many takes other items");
  }
}

Operation get_many(std::string name, std::function<void(World&)> prepare, std::size_t most) {
  return {.name = "get_many " + std::move(name),
          .prepare =
              [prepare = std::move(prepare)](World& world) {
                world.make_ring();
                prepare(world);
              },
          .operate = [most](World& world) { get_many_now(world, most); },
          .check = [most](World& world) { all_or_none_are_taken(world, most); },
          .warm_up = [](World& world) { world.ring->set_witness(&world.board.witness); }};
}

void nearly_full_block(World& world) { holds(world, 3, 20'000); }

// A sleeping get is woken by the first item, and takes nothing but that.
Operation waking_put_many() {
  Operation operation = put_many("that wakes a sleeping get", 0, [](World&) {}, {8, 40, 24});
  operation.gather = [](World& world) {
    world.park([&world](Role& role) {
      const auto got = world.get();
      must(got.has_value(), "a sleeper's get does not return");
      role.item = got->item;
    });
  };
  operation.check = [check = operation.check](World& world) {
    if (!world.ring->empty() || world.board.victim.done) world.expect_sleepers_back();
    if (world.sleepers_back() == 1) {
      must(world.board.sleepers[0].item.id == kFirstVictims, "the sleeper got another item");
      check(world);
      return;
    }
    must(world.put(kMarker), "a put that does not return");
    world.expect_sleepers_back();
  };
  return operation;
}

}  // namespace

std::vector<Operation> batch_operations() {
  const auto few = [](World& world) { holds(world, 2, 30); };
  const auto five = [](World& world) { holds(world, 5, 30); };
  Operation for_room = put_many("that sleeps for room for the rest", 3, few, {8, 16, 24});
  for_room.while_asleep = [](World& world) {
    for (int i = 0; i < 2; ++i) must(world.get().has_value(), "a full ring without items");
  };
  return {
      put_many("of small items", 0, few, {8, 40, 24, 8}),
      put_many("into an empty ring", 0, [](World&) {}, {16, 8}),
      put_many("that grows into a new block", 0, nearly_full_block, {2'000, 8'000, 8}),
      put_many("of more than one hold of the lock", 0, [](World&) {}, {40'000, 30'000, 8}),
      put_many("after a producer that died", 0,
               [few](World& world) {
                 few(world);
                 world.ring_words().producers.owner = word_of_a_dead_process();
               },
               {8, 8}),
      for_room,
      waking_put_many(),
      get_many("of all", five, 5),
      get_many("of some", five, 3),
      get_many(
          "across a link",
          [](World& world) {
            nearly_full_block(world);
            world.already_there({10, 8'000});
            must(world.get().has_value(), "a ring without items");
            world.before.erase(world.before.begin());
            world.first_number = 1;
          },
          3),
      get_many(
          "after a consumer that died",
          [five](World& world) {
            five(world);
            world.ring_words().consumers.owner = word_of_a_dead_process();
          },
          2),
  };
}

}  // namespace shoal::chaos
