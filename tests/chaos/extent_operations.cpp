// Deaths around items that stand in extents, and around loans and views.
#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <shoal/error.hpp>

#include "extent_model.hpp"

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kHuge = 5U << 20U;  // more than a ring keeps

using Prepare = std::function<void(World&)>;

[[noreturn]] void die() {
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

void lent_to_the_dead(World& world, std::uint64_t bytes = kFar) {
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

shm::Extent& extent_of_last(World& world) {
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

// ---- puts

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

std::vector<Operation> puts() {
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

// ---- gets

void note_what_the_victim_got(World& world, const ring::Record& record, const std::byte* payload) {
  world.board.victim.number = record.number;
  world.board.victim.item.size = record.bytes;
  std::memcpy(&world.board.victim.item.id, payload, sizeof world.board.victim.item.id);
}

void victim_copies(World& world) {
  static std::array<std::byte, 2 * kFar> room;
  ring::Record record;
  const auto result = world.ring->get(room, record, os::Deadline::after(kDeadline));
  must(result == ring::Get::kDone, "a get that does not return");
  note_what_the_victim_got(world, record, room.data());
}

void victim_views(World& world) {
  std::array<std::byte, 64> small{};
  ring::Room room(small);
  room.in_place = true;
  ring::Record record;
  const auto result = world.ring->get(room, record, os::Deadline::after(kDeadline));
  must(result == ring::Get::kDone && record.content, "a get that does not return");
  note_what_the_victim_got(world, record, record.content.bytes().data());
}

void victim_asks_for_the_size_first(World& world) {
  std::array<std::byte, 64> small{};
  ring::Record record;
  const auto result = world.ring->get(small, record, os::Deadline::after(kDeadline));
  must(result == ring::Get::kTooSmall && record.bytes == kFar, "another item");
  victim_copies(world);
}

Operation get_of(std::string name, const Prepare& prepare, void (*operate)(World&)) {
  return {.name = "far: get " + std::move(name),
          .prepare =
              [prepare](World& world) {
                world.make_ring();
                prepare(world);
              },
          .operate = operate,
          .check = at_most_the_head_was_taken,
          .warm_up = [](World& world) { world.ring->set_witness(&world.board.witness); }};
}

Operation get_where_bytes_are_limited(void (*operate)(World&)) {
  constexpr std::uint64_t kMost = 3 * kFar;
  Operation operation = get_of(
      operate == victim_views ? "in place where bytes are limited" : "where bytes are limited",
      [](World&) {}, operate);
  operation.prepare = [](World& world) {
    world.make_ring({.max_bytes = kMost});
    holds(world, {kFar, kFar});
  };
  operation.check = [](World& world) {
    const std::uint64_t room = kMost - world.ring->items() * kFar;
    must(!world.put({3000, room + 1}, os::Deadline::now()), "more goes in than may");
    must(world.put({3001, room}, os::Deadline::now()), "less goes in than may");
    world.went_on();
    world.before.push_back({3001, room});
    Items rest = world.before;
    rest.erase(rest.begin());
    const Items all = world.take_all();
    must(all == rest || (all == world.before && !world.board.victim.done), "other items are left");
    small(world);
  };
  return operation;
}

// A large item is put again where it stands, and was first to be put behind the other.
Operation put_of_a_view() {
  return {.name = "far: get in place, and put of the same",
          .prepare =
              [](World& world) {
                world.make_ring();
                holds(world, {kFar, kFar});
              },
          .operate =
              [](World& world) {
                std::array<std::byte, 64> small{};
                ring::Room room(small);
                room.in_place = true;
                ring::Record record;
                world.ring->get(room, record, os::Deadline::after(kDeadline));
                must(world.ring->put_lent(record.content, kFar, ring::Encoding::kPickle,
                                          os::Deadline::after(kDeadline)),
                     "a put that does not return");
              },
          .check =
              [](World& world) {
                const Items both{world.before[1], world.before[0]};
                const Items rest{world.before[1]};
                const Items found = rest_of(world);
                must(found == both ||
                         (!world.board.victim.done && (found == rest || found == world.before)),
                     "the ring holds " + to_string(found));
                usable_and_small(world);
              }};
}

std::vector<Operation> gets() {
  const auto two = [](World& world) { holds(world, {kFar, 40}); };
  const auto one = [](World& world) { holds(world, {kFar}); };
  const auto large_and_rested = [](World& world) {
    holds(world, {kFar});
    with_free_ones(world, 2);
    make_large_and_rested(world);
  };
  const auto beside_a_view = [](World& world) {
    holds(world, {kFar, kFar});
    park_with_view(world);
    make_large_and_rested(world);
  };
  return {
      get_of("of a large item", two, victim_copies),
      get_of("in place, and release", two, victim_views),
      get_of("of the only item, large", one, victim_copies),
      get_of("that asks for the size first", two, victim_asks_for_the_size_first),
      get_of("that drains a large ring", large_and_rested, victim_copies),
      get_of("in place that drains a large ring", large_and_rested, victim_views),
      get_of("that drains a large ring beside a view", beside_a_view, victim_copies),
      get_of("after a consumer that died as it took it", nearly_taken_by_the_dead, victim_views),
      get_of(
          "of an item of the dead", [](World& world) { put_by_the_dead(world, {50, kFar}); },
          victim_views),
      get_of("of an item that a dead producer did not count", uncounted, victim_copies),
      get_where_bytes_are_limited(victim_copies),
      get_where_bytes_are_limited(victim_views),
      put_of_a_view(),
  };
}

// ---- loans

void victim_lends_and_puts(World& world) {
  ring::Lent lent;
  must(world.ring->lend(kHuge, os::Deadline::after(kDeadline), lent), "nothing is lent");
  std::memcpy(lent.bytes().data(), world.bytes.data(), world.bytes.size());
  must(world.ring->put_lent(lent, world.bytes.size(), ring::Encoding::kPickle,
                            os::Deadline::after(kDeadline)),
       "a put that does not return");
}

void victim_lends_and_drops(World& world) {
  ring::Lent lent;
  must(world.ring->lend(kHuge, os::Deadline::after(kDeadline), lent), "nothing is lent");
}

// The memory that was taken is known to be much, without anybody saying so.
void is_given_back_by_itself(World& world) {
  world.ring_words().grown_at = 0;
  must(!world.get(os::Deadline::now()), "an item from nowhere");
  const std::uint64_t kept = memory_of(world);
  must(kept < kHuge, std::to_string(kept) + " bytes of memory are kept");
}

Operation loan_that_is_put(std::string name, const Prepare& prepare) {
  return {.name = "far: lend and put " + std::move(name),
          .prepare =
              [prepare](World& world) {
                world.make_ring();
                prepare(world);
                world.victim_will_put({1000, 64});
              },
          .operate = victim_lends_and_puts,
          .check =
              [](World& world) {
                Items with = world.before;
                with.push_back(*world.puts);
                ring_holds(world, world.before, with);
                is_given_back_by_itself(world);
                usable_and_small(world);
              }};
}

Operation loan_that_is_dropped(std::string name, const Prepare& prepare) {
  return {.name = "far: lend and drop " + std::move(name),
          .prepare =
              [prepare](World& world) {
                world.make_ring();
                prepare(world);
              },
          .operate = victim_lends_and_drops,
          .check =
              [](World& world) {
                ring_holds(world, world.before, world.before);
                is_given_back_by_itself(world);
                usable_and_small(world);
              }};
}

// The victim was lent something, or had a view, before the first step: the last to give it back.
ring::Lent& victims() {
  static ring::Lent lent;
  return lent;
}

Operation release(std::string name, const Prepare& prepare, const Prepare& take) {
  return {.name = "far: release " + std::move(name),
          .prepare =
              [prepare](World& world) {
                world.make_ring();
                prepare(world);
              },
          .operate = [](World&) { victims() = ring::Lent(); },
          .check = nothing_has_changed,
          .warm_up =
              [take](World& world) {
                take(world);
                make_large_and_rested(world);
              }};
}

void victim_has_a_view(World& world) {
  std::array<std::byte, 64> small{};
  ring::Room room(small);
  room.in_place = true;
  ring::Record record;
  world.ring->get(room, record, os::Deadline::now());
  victims() = std::move(record.content);
}

std::vector<Operation> loans() {
  const auto drained = [](World& world) {
    holds(world, {kFar});
    take_first(world);
  };
  // The victim takes the first before the first step.
  const auto taken = [](World& world) {
    holds(world, {kFar});
    world.before.clear();
  };
  return {
      loan_that_is_put("into a fresh ring", [](World&) {}),
      loan_that_is_put("behind others", [](World& world) { holds(world, {40, kFar}); }),
      loan_that_is_put("what was lent to the dead",
                       [](World& world) { lent_to_the_dead(world, kHuge); }),
      loan_that_is_dropped("in a fresh ring", [](World&) {}),
      loan_that_is_dropped("what was lent to the dead",
                           [](World& world) { lent_to_the_dead(world, kHuge); }),
      release("of a loan in a large ring", drained,
              [](World& world) { victims() = lend(world, kFar); }),
      release("of a view in a large ring", taken, victim_has_a_view),
      release(
          "of a view in a ring that is not empty",
          [](World& world) {
            holds(world, {kFar, kFar});
            world.before.erase(world.before.begin());
          },
          victim_has_a_view),
      release(
          "of a view beside another in a large ring",
          [](World& world) {
            holds(world, {kFar, kFar});
            park_with_view(world);
            world.before.clear();
          },
          victim_has_a_view),
  };
}

// ---- giving memory back, and shutting

Operation give_back(std::string name, const Prepare& prepare) {
  return {.name = "far: get that gives back " + std::move(name),
          .prepare =
              [prepare](World& world) {
                world.make_ring();
                prepare(world);
                make_large_and_rested(world);
              },
          .operate = [](World& world) { world.victim_gets(os::Deadline::now()); },
          .check = nothing_has_changed};
}

Operation shut_at_once(std::string name, const ring::Options& options, const Prepare& prepare) {
  return {.name = "far: shut at once " + std::move(name),
          .prepare =
              [options, prepare](World& world) {
                world.make_ring(options);
                prepare(world);
                make_large_and_rested(world);
              },
          .operate = [](World& world) { world.ring->shut(true); },
          .check =
              [](World& world) {
                if (world.ring_words().shut == static_cast<std::uint32_t>(ring::Shut::kNo)) {
                  must(!world.board.victim.done, "shut returned, and it is open");
                  nothing_has_changed(world);
                  return;
                }
                const auto look = [&] {
                  make_large_and_rested(world);
                  try {
                    static_cast<void>(world.get(os::Deadline::now()));
                    return false;
                  } catch (const ShutDown&) {
                    return true;
                  }
                };
                must(look(), "there is something after the end");
                world.went_on();
                must(world.ring->empty() && world.ring->items() == 0, "items after the end");
                must(memory_of(world) <= least_memory(world) + world.sleepers.size() * kFar,
                     "memory is kept after the end");
                if (world.sleepers.empty()) return;
                release_view(world);
                must(look(), "there is something after the end");
                must(memory_of(world) <= least_memory(world), "memory is kept after the end");
              }};
}

std::vector<Operation> ends() {
  const auto three = [](World& world) { holds(world, {kFar, 40, kFar}); };
  const auto with_view = [](World& world) {
    holds(world, {kFar, kFar});
    park_with_view(world);
  };
  return {
      give_back("free extents", [](World& world) { with_free_ones(world, 3); }),
      give_back("all but a view",
                [](World& world) {
                  holds(world, {kFar, kFar});
                  park_with_view(world);
                  take_first(world);
                }),
      give_back("a view of the dead",
                [](World& world) {
                  holds(world, {kFar, kFar});
                  viewed_by_the_dead(world);
                  take_first(world);
                }),
      give_back("all but what is lent",
                [](World& world) {
                  with_free_ones(world, 2);
                  world.lent.push_back(lend(world, kFar));
                  std::memset(world.lent.back().bytes().data(), 7, kFar);
                  lent_to_the_dead(world);
                }),
      shut_at_once("with large items inside", {}, three),
      shut_at_once("with large items inside a joinable ring", {.joinable = true}, three),
      shut_at_once("with large items inside and a view", {}, with_view),
  };
}

}  // namespace

std::vector<Operation> extent_operations() {
  std::vector<Operation> all = puts();
  for (auto& more : {gets(), loans(), ends()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace shoal::chaos
