// Deaths in get, task_done and shut of a ring that delivers again what the dead had in hand. After
// each, all that is not done comes to the survivor, once, in order, with the right count; and join
// returns exactly when that is done.
#include <sys/stat.h>

#include <shoal/error.hpp>

#include "world.hpp"

namespace shoal::chaos {
namespace {

constexpr std::uint64_t kSmall = 30;
constexpr std::uint64_t kLarge = ring::kFarFrom + 1000;
const ring::Options kOptions{.redeliver = true};

shm::TallyWords& ends(const World& world) {
  constexpr std::uint64_t kPlace = shm::kHeaderRoom + sizeof(shm::RingWords);
  return *reinterpret_cast<shm::TallyWords*>(world.segment->at(kPlace, sizeof(shm::TallyWords)));
}

// As if nobody had looked for the dead for a while.
void let_look(const World& world) { ends(world).looked_at = 0; }

ring::Extents extents(const World& world) {
  return {*world.segment, world.ring_words(), ring::Ring::segment_size(kOptions)};
}

// ---- preparation

void make(World& world, std::uint64_t size) {
  world.make_ring(kOptions);
  for (std::uint64_t id = 1; id <= 3; ++id) world.already_there({id, size});
}

struct Delivery {
  Item item;
  std::uint64_t count = 0;
};
std::optional<Delivery> take(const World& world, os::Deadline deadline = os::Deadline::now()) {
  std::vector<std::byte> room(kLarge);
  ring::Record record;
  const auto result = world.ring->get(room, record, deadline);
  if (result != ring::Get::kDone) return std::nullopt;
  return Delivery{item_of(std::span(room).first(record.bytes)), record.deliveries};
}

void takes(const World& world, std::uint64_t items) {
  for (; items != 0; --items) must(take(world).has_value(), "an item is missing");
}

// Took so many before it died.
void dead_consumer(World& world, std::uint64_t items) {
  auto child = Child::start([&] { takes(world, items); });
  must(child.wait(os::Deadline::after(kDeadline)) && child.succeeded(), "a consumer that fails");
  let_look(world);
}

// One died as it took the first item: the head has moved, or not yet.
void half_a_take(World& world, std::uint64_t size, bool moved) {
  make(world, size);
  const std::uint64_t head = world.ring_words().head;
  dead_consumer(world, 1);
  if (!moved) world.ring_words().head = head;
  ends(world).taking = 1;
  world.ring_words().consumers.owner = extents(world)[0].owner.load();
}

// ---- what the victim does

// Nothing but the call. The room was there before.
std::vector<std::byte>& room() {
  static std::vector<std::byte> bytes(kLarge);
  return bytes;
}
void victim_takes(World& world) {
  ring::Record record;
  const auto result = world.ring->get(room(), record, os::Deadline::after(kDeadline));
  must(result == ring::Get::kDone, "an item is missing");
  world.board.victim.number = record.deliveries;
}
void victim_ends(World& world) { world.ring->end_item(); }

// ---- what must be true afterwards

struct Want {
  Item item;
  std::uint64_t least;
  std::uint64_t most;
  bool may_be_done = false;
};

bool refuses_more(const World& world) {
  try {
    world.ring->end_item();
    return false;
  } catch (const NotHeldError&) {
    return true;
  }
}

// As if it had grown much, and not for a while: the next who finds it empty gives memory back.
void let_rest(const World& world) {
  world.ring_words().more = 1U << 30U;
  world.ring_words().grown_at = 0;
}

// Nothing of what the dead had is left behind.
void must_be_small(const World& world) {
  struct stat facts{};
  must(::fstat(world.segment->fd(), &facts) == 0, "no file");
  must(static_cast<std::uint64_t>(facts.st_blocks) * 512 < 256UL * 1024,
       "memory that nobody gave back: " + std::to_string(facts.st_blocks * 512) + " bytes");
}

void usable_afterwards(World& world) {
  for (const std::uint64_t size : {kSmall, kLarge, std::uint64_t{70'000}}) {
    must(world.put({3000, size}), "cannot put any more");
    must(world.ring->items() == 1, "one item is not counted as one");
    const auto got = take(world);
    must(got && got->item == Item{3000, size} && got->count == 1, "cannot get any more");
    must(!world.ring->join(os::Deadline::now()), "join forgets an item");
    world.ring->end_item();
    must(world.ring->join(os::Deadline::now()), "join waits for nothing");
  }
  let_rest(world);
  must(!take(world), "an item from nowhere");
  must_be_small(world);
}

// Exactly these come, in this order.
void delivers(World& world, const std::vector<Want>& wants) {
  let_look(world);
  auto want = wants.begin();
  const auto skip_to = [&](std::optional<Item> item) {
    for (; want != wants.end() && want->item != item; ++want) {
      must(want->may_be_done, "item " + std::to_string(want->item.id) + " is lost");
    }
  };
  while (const auto got = take(world)) {
    world.went_on();
    skip_to(got->item);
    const std::string name = "item " + std::to_string(got->item.id);
    must(want != wants.end(), name + " comes twice, or late");
    must(got->count >= want->least && got->count <= want->most,
         name + " is said to come for the time " + std::to_string(got->count));
    ++want;
    must(!world.ring->join(os::Deadline::now()), "join does not wait for what is in hand");
    world.ring->end_item();
  }
  skip_to(std::nullopt);
  must(world.ring->empty() && world.ring->items() == 0, "an empty ring that counts items");
  must(world.ring->join(os::Deadline::now()), "join waits for nothing");
  must(refuses_more(world), "more was ended than there was");
  usable_afterwards(world);
}

// The victim has taken the first, delivered `before` times until then, or not.
void first_may_be_taken(World& world, std::uint64_t size, std::uint64_t before,
                        std::uint64_t second = 1) {
  const bool done = world.board.victim.done;
  must(!done || world.board.victim.number == before + 1, "the victim was told another count");
  delivers(world, {{{1, size}, done ? before + 2 : before + 1, before + 2},
                   {{2, size}, second, second},
                   {{3, size}, 1, 1}});
}

// ---- operations

std::string of(std::uint64_t size) {
  return size == kSmall ? " of a small item" : " of a large item";
}

std::vector<Operation> gets(std::uint64_t size) {
  const auto get = [size](std::string name, std::function<void(World&)> prepare,
                          std::uint64_t before, std::uint64_t second = 1) {
    return Operation{.name = "get" + of(size) + " that may come again" + std::move(name),
                     .prepare = std::move(prepare),
                     .operate = victim_takes,
                     .check = [=](World& w) { first_may_be_taken(w, size, before, second); },
                     .warm_up = [](World&) { room(); }};
  };
  return {get(
              "", [size](World& world) { make(world, size); }, 0),
          get(
              ", from the dead",
              [size](World& world) {
                make(world, size);
                dead_consumer(world, 2);
              },
              1, 2),
          get(
              ", after half a get", [size](World& world) { half_a_take(world, size, false); }, 0),
          get(", after nearly a get", [size](World& world) { half_a_take(world, size, true); }, 1)};
}

// In an extent that was used before.
Operation second_get() {
  return {.name = "get of a small item that may come again, after another",
          .prepare = [](World& world) { make(world, kSmall); },
          .operate = victim_takes,
          .check =
              [](World& world) {
                const bool done = world.board.victim.done;
                delivers(world, {{{2, kSmall}, done ? 2U : 1U, 2}, {{3, kSmall}, 1, 1}});
              },
          .warm_up =
              [](World& world) {
                room();
                takes(world, 1);
                world.ring->end_item();
              }};
}

Operation end(std::uint64_t size) {
  return {.name = "task_done" + of(size) + " that may come again",
          .prepare = [size](World& world) { make(world, size); },
          .operate = victim_ends,
          .check =
              [size](World& world) {
                const bool done = world.board.victim.done;
                std::vector<Want> wants{{{2, size}, 2, 2}, {{3, size}, 1, 1}};
                if (!done) wants.insert(wants.begin(), {{1, size}, 2, 2, true});
                delivers(world, wants);
              },
          .warm_up = [](World& world) { takes(world, 2); }};
}

// Two wait in join. It was done, or the survivor does it.
Operation last_end() {
  return {.name = "task_done of the last that may come again, which lets join return",
          .prepare =
              [](World& world) {
                world.make_ring(kOptions);
                world.already_there({1, kSmall});
              },
          .operate = victim_ends,
          .check =
              [](World& world) {
                let_look(world);
                const auto got = take(world);
                must(!got || !world.board.victim.done, "what is done comes again");
                if (got) world.ring->end_item();
                world.expect_sleepers_back();
                world.went_on();
                usable_afterwards(world);
              },
          .gather =
              [](World& world) {
                for (int i = 0; i < 2; ++i) {
                  world.park([&world](Role&) {
                    must(world.ring->join(os::Deadline::after(kDeadline)), "a join that is stuck");
                  });
                }
              },
          .warm_up = [](World& world) { takes(world, 1); }};
}

// Two wait in get for what the victim has, or comes next.
Operation end_beside_those_who_wait() {
  return {.name = "task_done beside those who wait for what may come again",
          .prepare =
              [](World& world) {
                world.make_ring(kOptions);
                for (std::uint64_t id = 1; id <= 2; ++id) world.already_there({id, kSmall});
              },
          .operate =
              [](World& world) {
                world.ring->end_item();
                world.ring->end_item();
              },
          .check =
              [](World& world) {
                for (std::uint64_t id = 4; id <= 5; ++id) {
                  if (world.board.victim.done) must(world.put({id, kSmall}), "cannot put");
                }
                const auto back = [&] { return world.sleepers_back(); };
                // What was done before the death comes to nobody.
                if (!world.board.victim.done) {
                  const auto in_time = os::Deadline::after(kInVain);
                  while (back() < 2 && !in_time.passed()) {
                  }
                  for (std::uint64_t id = 4; back() < 2 && id < 6; ++id) {
                    must(world.put({id, kSmall}), "cannot put");
                  }
                }
                world.expect_sleepers_back();
                world.went_on();
                std::uint64_t seen = 0;
                for (std::size_t i = 0; i < 2; ++i) {
                  const Role& role = world.board.sleepers[i];
                  const std::uint64_t id = role.item.id;
                  must(role.number == (id <= 2 ? 2 : 1), "a count that is wrong");
                  must((seen & 1U << id) == 0, "an item comes twice");
                  must(id > 2 || !world.board.victim.done, "what is done comes again");
                  seen |= 1U << id;
                }
                while (take(world)) world.ring->end_item();
                must(world.ring->join(os::Deadline::after(kDeadline)), "join waits for nothing");
                usable_afterwards(world);
              },
          .gather =
              [](World& world) {
                for (int i = 0; i < 2; ++i) {
                  world.park([&world](Role& role) {
                    const auto got = take(world, os::Deadline::after(kDeadline));
                    must(got.has_value(), "a get that is stuck");
                    role.item = got->item;
                    role.number = got->count;
                    world.ring->end_item();
                  });
                }
              },
          .warm_up = [](World& world) { takes(world, 2); }};
}

// One in the hand of the dead, two in the ring.
Operation shut(std::uint64_t size) {
  return {.name = "shut at once" + of(size) + " that may come again",
          .prepare =
              [size](World& world) {
                make(world, size);
                dead_consumer(world, 1);
              },
          .operate = [](World& world) { world.ring->shut(true); },
          .check =
              [size](World& world) {
                if (world.ring_words().shut == 0) {
                  must(!world.board.victim.done, "shut returned, and the ring is open");
                  return delivers(world, {{{1, size}, 2, 2}, {{2, size}, 1, 1}, {{3, size}, 1, 1}});
                }
                must(world.ring->join(os::Deadline::after(kDeadline)), "join waits for nothing");
                world.went_on();
                let_rest(world);
                try {
                  take(world);
                  throw Violation("something after the end");
                } catch (const ShutDown&) {
                }
                must(world.ring->empty() && world.ring->items() == 0, "items after the end");
                must_be_small(world);
              }};
}

}  // namespace

std::vector<Operation> redelivery_operations() {
  std::vector<Operation> all;
  for (const std::uint64_t size : {kSmall, kLarge}) {
    for (auto& operation : gets(size)) all.push_back(std::move(operation));
    all.push_back(end(size));
    all.push_back(shut(size));
  }
  all.push_back(second_get());
  all.push_back(last_end());
  all.push_back(end_beside_those_who_wait());
  return all;
}

}  // namespace shoal::chaos
