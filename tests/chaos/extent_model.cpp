#include "extent_model.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace shoal::chaos {
namespace {

constexpr Item kMarker{2000, 24};
constexpr std::uint64_t kWithoutMemory = 1;

void fill(const ring::Lent& lent, const Item& item) {
  std::memcpy(lent.bytes().data(), bytes_of(item).data(), item.size);
}

}  // namespace

std::span<shm::Extent> extents_of(const World& world) {
  return {reinterpret_cast<shm::Extent*>(
              world.segment->at(world.table_begin(), shm::kExtents * sizeof(shm::Extent))),
          world.ring_words().extents};
}

std::uint64_t memory_of(const World& world) {
  struct stat facts{};
  must(::fstat(world.segment->fd(), &facts) == 0, "no file");
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

std::uint64_t least_memory(const World& world) {
  return world.table_begin() + ring::Extents::table_size();
}

void make_large_and_rested(World& world) {
  world.ring_words().more = 1ULL << 40U;
  world.ring_words().grown_at = 0;
}

// ------------------------------------------------------------------ who takes and puts

std::optional<Taken> Taken::from(World& world) {
  Taken taken;
  for (;;) {
    ring::Room room(taken.room_);
    room.in_place = true;
    switch (world.ring->get(room, taken.record_, os::Deadline::now())) {
      case ring::Get::kDone: return taken;
      case ring::Get::kTooSmall: taken.room_.resize(taken.record_.bytes); break;
      default: return std::nullopt;
    }
  }
}

Item Taken::item() const {
  if (record_.content) return item_of(record_.content.bytes());
  return item_of(std::span(room_).first(record_.bytes));
}

ring::Lent lend(World& world, std::uint64_t bytes) {
  ring::Lent lent;
  must(world.ring->lend(bytes, os::Deadline::after(kDeadline), lent), "nothing is lent");
  must(lent.bytes().size() >= bytes, "less is lent than was asked for");
  return lent;
}

void put_in_place(World& world, const Item& item, std::uint64_t extent) {
  ring::Lent lent = lend(world, extent);
  fill(lent, item);
  must(world.ring->put_lent(lent, item.size, ring::Encoding::kPickle,
                            os::Deadline::after(kDeadline)),
       "a put that does not return");
}

void take_first(World& world) {
  const auto first = Taken::from(world);
  must(first && first->item() == world.before.front(), "a new ring loses items");
  world.before.erase(world.before.begin());
  ++world.first_number;
}

void by_one_who_dies(const std::function<void()>& body) {
  auto child = Child::start([&body] {
    body();
    ::_exit(1);
  });
  must(child.wait(os::Deadline::after(kDeadline)) && !child.succeeded(), "nobody dies");
}

void park_with_view(World& world) {
  world.park([&world, item = world.before.front()](Role& role) {
    const auto view = Taken::from(world);
    must(view && view->item() == item, "a new ring loses items");
    while (!world.board.let_go) ::usleep(1000);
    role.number = view->item() == item ? 1 : 2;
  });
  wait_until([&] { return ring::Position(world.ring_words().head).items() > world.first_number; },
             "a sleeper takes nothing");
  world.before.erase(world.before.begin());
  ++world.first_number;
}

void release_view(World& world) {
  world.board.let_go = true;
  world.expect_sleepers_back();
  must(world.board.sleepers[0].number == 1, "what a view shows has changed");
}

// ------------------------------------------------------------------ what must be true

void nothing_overlaps(const World& world) {
  std::vector<ring::Area> areas;
  for (const auto& block : world.ring_words().blocks) {
    if (block.size != 0) areas.push_back({block.offset, block.offset + block.size});
  }
  if (world.ring_words().extents != 0) {
    areas.push_back({world.table_begin(), least_memory(world)});
    for (const auto& extent : extents_of(world)) {
      const std::uint64_t size = extent.size;
      if (size == 0 || ((size & kWithoutMemory) != 0 && extent.owner == 0)) continue;
      areas.push_back({extent.offset, extent.offset + (size & ~kWithoutMemory)});
    }
  }
  std::ranges::sort(areas, {}, &ring::Area::begin);
  for (std::size_t i = 1; i < areas.size(); ++i) {
    must(areas[i - 1].end <= areas[i].begin, "one place in two extents");
  }
}

// Everything is kept until all is taken, and looked at then.
Items rest_of(World& world) {
  nothing_overlaps(world);
  const std::uint64_t counted = world.ring->items();
  must(world.put(kMarker), "a put that does not return");
  world.went_on();
  std::vector<Taken> all;
  while (auto next = Taken::from(world)) all.push_back(std::move(*next));
  Items items;
  for (const auto& taken : all) {
    items.push_back(taken.item());
    must(taken.number() == all.front().number() + items.size() - 1, "numbers are not in order");
  }
  must(!items.empty() && items.back() == kMarker, "what was put last is not the last");
  items.pop_back();
  must(counted == items.size(),
       "items() says " + std::to_string(counted) + ", there are " + std::to_string(items.size()));
  return items;
}

void ring_holds(World& world, const Items& without, const Items& with) {
  const Items items = rest_of(world);
  must(items == with || (items == without && !world.board.victim.done),
       "the ring holds " + to_string(items) + ", it was to hold " + to_string(without) + " or " +
           to_string(with) + (world.board.victim.done ? ", and the call had returned" : ""));
}

void small(World& world, std::uint64_t in_use) {
  must(world.ring->empty() && world.ring->items() == 0, "an empty ring that counts items");
  make_large_and_rested(world);
  must(!world.get(os::Deadline::now()), "an item from nowhere");
  const std::uint64_t memory = memory_of(world);
  must(memory <= least_memory(world) + in_use, std::to_string(memory) +
                                                   " bytes of memory are kept, it was to be " +
                                                   std::to_string(least_memory(world) + in_use));
}

namespace {

void usable(World& world) {
  Items items;
  std::vector<ring::Lent> lent;
  for (std::uint64_t i = 0; i < 3; ++i) {
    items.push_back({3000 + i, kFar + 512 * i});
    lent.push_back(lend(world, items.back().size));
    fill(lent.back(), items.back());
  }
  for (std::size_t i = 0; i < lent.size(); ++i) {
    must(world.ring->put_lent(lent[i], items[i].size, ring::Encoding::kPickle,
                              os::Deadline::after(kDeadline)),
         "a put that does not return");
  }
  for (const std::uint64_t size : {std::uint64_t{8}, kFar, std::uint64_t{70'000}}) {
    items.push_back({3100 + size, size});
    must(world.put(items.back()), "cannot put any more");
  }
  must(rest_of(world) == items, "what was put last is not there");
}

}  // namespace

void usable_and_small(World& world, std::uint64_t in_use) {
  small(world, in_use);
  usable(world);
  nothing_overlaps(world);
  small(world, in_use);
}

}  // namespace shoal::chaos
