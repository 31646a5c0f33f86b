// Deaths around gets of items that stand in extents, around loans and views, and at the end of
// rings.
#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>

#include "extent_stages.hpp"

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kHuge = 5U << 20U;  // more than a ring keeps

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
  std::vector<Operation> all = extent_puts();
  for (auto& more : {gets(), loans(), ends()}) all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace shoal::chaos
