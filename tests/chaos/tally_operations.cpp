// Deaths in get and task_done of a joinable ring. After each, join tells exactly which items are
// lost: those that the dead had taken and not ended.
#include <shoal/error.hpp>

#include "world.hpp"

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kItems = 4;

shm::TallyWords& tally_words(const World& world) {
  constexpr std::uint64_t kPlace = shm::kHeaderRoom + sizeof(shm::RingWords);
  return *reinterpret_cast<shm::TallyWords*>(world.segment->at(kPlace, sizeof(shm::TallyWords)));
}

std::uint64_t taken(const World& world) { return ring::Position(world.ring_words().head).items(); }
std::uint64_t ended(const World& world) { return tally_words(world).ended; }

void make(World& world) {
  world.make_ring(ring::Options{.joinable = true});
  for (std::uint64_t id = 1; id <= kItems; ++id) world.already_there({id, 30});
}

void take(const World& world, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) {
    must(world.get(os::Deadline::now()).has_value(), "an item is missing");
  }
}

// Took that many items before it died.
pid_t dead_consumer(const World& world, std::uint64_t count) {
  auto child = Child::start([&] { take(world, count); });
  const pid_t pid = child.pid();
  must(child.wait(os::Deadline::after(kDeadline)) && child.succeeded(), "a consumer that fails");
  return pid;
}

struct Lost {
  std::uint64_t items = 0;
  pid_t pid = 0;
};

// What join says is lost; nothing where it waits, or returns.
Lost lost(const World& world) {
  try {
    const bool joined = world.ring->join(os::Deadline::now());
    must(!joined || ended(world) == kItems, "join returns, and not all is done");
    return {};
  } catch (const ConsumerDied& died) {
    return {died.items(), died.pid()};
  }
}

bool refuses_more(const World& world) {
  try {
    world.ring->end_item();
    return false;
  } catch (const NotHeldError&) {
    return true;
  }
}

// `in_hand` is what the dead have: nothing else is told, and all goes on when that is ended.
void exactly_these_are_lost(World& world, std::uint64_t in_hand, pid_t pid) {
  const Lost told = lost(world);
  must(told.items == in_hand, "join tells of " + std::to_string(told.items) + " items, " +
                                  std::to_string(in_hand) + " are lost");
  must(in_hand == 0 || told.pid == pid, "join names another process");
  for (std::uint64_t i = 0; i < in_hand; ++i) world.ring->end_item();
  must(lost(world).items == 0, "join tells of what is done");
  while (world.get(os::Deadline::now())) {
    must(lost(world).items == 0, "what is in hand of the living is called lost");
    world.ring->end_item();
  }
  must(world.ring->join(os::Deadline::after(kDeadline)), "join waits for nothing");
  must(refuses_more(world), "more was ended than there was");
  world.went_on();
}

void what_the_victim_has_is_lost(World& world) {
  const std::uint64_t in_hand = taken(world) - ended(world);
  exactly_these_are_lost(world, in_hand, world.victim);
}

void victim_ends_one(World& world) { world.ring->end_item(); }

std::vector<Operation> gets() {
  const auto get = [](std::string name, std::function<void(World&)> prepare) {
    return Operation{.name = "get from a joinable ring" + std::move(name),
                     .prepare = std::move(prepare),
                     .operate = [](World& world) { world.victim_gets(); },
                     .check = what_the_victim_has_is_lost};
  };
  Operation second = get(" for the second time", make);
  second.warm_up = [](World& world) { take(world, 1); };
  Operation in_entry_of_dead = get(" in the place of one that died", [](World& world) {
    make(world);
    dead_consumer(world, 1);
    world.ring->end_item();
  });
  Operation after_half_a_take = get(" after a consumer that died as it took", [](World& world) {
    make(world);
    auto& words = tally_words(world);
    words.used = 1;
    words.entries[0].process = word_of_a_dead_process();
    words.entries[0].taken = 1;
    world.ring_words().consumers.owner = words.entries[0].process.load();
  });
  Operation many{.name = "get_many from a joinable ring",
                 .prepare = make,
                 .operate =
                     [](World& world) {
                       std::array<std::byte, 256> room{};
                       std::vector<ring::Slice> slices;
                       const auto result =
                           world.ring->get_many(room, 3, slices, os::Deadline::now());
                       must(result == ring::Get::kDone && slices.size() == 3, "not three items");
                     },
                 .check =
                     [](World& world) {
                       must(taken(world) % 3 == 0, "some of a batch were taken");
                       what_the_victim_has_is_lost(world);
                     }};
  return {get("", make), second, in_entry_of_dead, after_half_a_take, many};
}

std::vector<Operation> ends() {
  Operation own{.name = "task_done of one of two",
                .prepare = make,
                .operate = victim_ends_one,
                .check = what_the_victim_has_is_lost,
                .warm_up = [](World& world) { take(world, 2); }};
  Operation of_dead{.name = "task_done of what another had that died",
                    .prepare =
                        [](World& world) {
                          make(world);
                          world.first_number = static_cast<std::uint64_t>(dead_consumer(world, 2));
                        },
                    .operate = victim_ends_one,
                    .check =
                        [](World& world) {
                          exactly_these_are_lost(world, 2 - ended(world),
                                                 static_cast<pid_t>(world.first_number));
                        }};
  Operation after_half_an_end{.name = "task_done after a consumer that died as it did that",
                              .prepare =
                                  [](World& world) {
                                    make(world);
                                    auto& words = tally_words(world);
                                    words.used = 1;
                                    words.entries[0].process = word_of_a_dead_process();
                                    words.entries[0].ended = 1;
                                    world.ring_words().consumers.owner =
                                        words.entries[0].process.load();
                                  },
                              .operate =
                                  [](World& world) {
                                    take(world, 1);
                                    world.ring->end_item();
                                  },
                              .check = what_the_victim_has_is_lost};
  // The others' join returns where the last was ended, and else tells of the victim.
  Operation last{.name = "task_done of the last, which lets join return",
                 .prepare = make,
                 .operate = victim_ends_one,
                 .check =
                     [](World& world) {
                       const bool all = ended(world) == kItems;
                       must(all || !world.board.victim.done, "task_done returned without effect");
                       world.expect_sleepers_back();
                       for (std::size_t i = 0; i < 2; ++i) {
                         const auto told = world.board.sleepers[i].number;
                         must(told == (all ? 0 : 1),
                              "a join ends otherwise: " + std::to_string(told) + " lost");
                       }
                       exactly_these_are_lost(world, all ? 0 : 1, world.victim);
                     },
                 .gather =
                     [](World& world) {
                       for (int i = 0; i < 2; ++i) {
                         world.park([&world](Role& role) {
                           try {
                             must(world.ring->join(os::Deadline::after(kDeadline)),
                                  "a join that does not return");
                           } catch (const ConsumerDied& died) {
                             role.number = died.items();
                           }
                         });
                       }
                     },
                 .warm_up =
                     [](World& world) {
                       take(world, kItems);
                       for (std::uint64_t i = 1; i < kItems; ++i) world.ring->end_item();
                     }};
  return {own, of_dead, after_half_an_end, last};
}

// Who looks for the dead dies, too.
Operation looking() {
  return {.name = "join that finds a dead consumer",
          .prepare =
              [](World& world) {
                make(world);
                world.first_number = static_cast<std::uint64_t>(dead_consumer(world, 2));
              },
          .operate = [](World& world) { must(lost(world).items == 2, "another count"); },
          .check =
              [](World& world) {
                exactly_these_are_lost(world, 2, static_cast<pid_t>(world.first_number));
              }};
}

}  // namespace

std::vector<Operation> tally_operations() {
  std::vector<Operation> all = gets();
  for (auto& operation : ends()) all.push_back(std::move(operation));
  all.push_back(looking());
  return all;
}

}  // namespace shoal::chaos
