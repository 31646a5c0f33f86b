#include "world.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace shoal::chaos {
namespace {

std::byte byte_of(const Item& item, std::size_t index) {
  return static_cast<std::byte>(item.id * 131 + index * 7 + 1);
}

}  // namespace

std::vector<std::byte> bytes_of(const Item& item) {
  std::vector<std::byte> bytes(item.size);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_of(item, i);
  // The first eight tell which item it is.
  if (item.size >= sizeof item.id) std::memcpy(bytes.data(), &item.id, sizeof item.id);
  return bytes;
}

Item item_of(std::span<const std::byte> bytes) {
  Item item{0, bytes.size()};
  must(bytes.size() >= sizeof item.id, "an item of impossible size");
  std::memcpy(&item.id, bytes.data(), sizeof item.id);
  for (std::size_t i = sizeof item.id; i < bytes.size(); ++i) {
    if (bytes[i] != byte_of(item, i)) {
      throw Violation("item " + std::to_string(item.id) + " is torn at byte " + std::to_string(i) +
                      " of " + std::to_string(bytes.size()));
    }
  }
  return item;
}

std::string to_string(const Items& items) {
  std::string text = "[";
  for (const auto& item : items) text += (text.size() > 1 ? " " : "") + std::to_string(item.id);
  return text + "]";
}

// ------------------------------------------------------------------ ring

void World::make_ring(const ring::Options& options) {
  segment =
      shm::Segment::create(shm::Kind::kQueue, "chaos", ring::Ring::segment_size(options),
                           [&options](std::byte* base) { ring::Ring::initialise(base, options); });
  ring = std::make_unique<ring::Ring>(segment);
}

bool World::put(const Item& item, os::Deadline deadline) const {
  const auto content = bytes_of(item);
  const std::span<const std::byte> part(content);
  return ring->put({&part, 1}, ring::Encoding::kPickle, deadline);
}

std::optional<World::Got> World::get(os::Deadline deadline) const {
  std::vector<std::byte> room(64);
  ring::Record record;
  auto result = ring->get(room, record, deadline);
  while (result == ring::Get::kTooSmall) {
    room.resize(record.bytes);
    result = ring->get(room, record, deadline);
  }
  if (result != ring::Get::kDone) return std::nullopt;
  return Got{record.number, item_of(std::span(room).first(record.bytes))};
}

Items World::take_all() const {
  Items all;
  while (const auto got = get(os::Deadline::now())) all.push_back(got->item);
  return all;
}

void World::already_there(const Item& item) {
  must(put(item), "no room in a new ring");
  before.push_back(item);
}

void World::victim_will_put(const Item& item) {
  puts = item;
  bytes = bytes_of(item);
}

void World::victim_puts() const {
  const std::span<const std::byte> part(bytes);
  const bool put = ring->put({&part, 1}, ring::Encoding::kPickle, os::Deadline::after(kDeadline));
  must(put, "a put that does not return");
}

void World::victim_gets(os::Deadline deadline) const {
  std::array<std::byte, 32'000> room;
  ring::Record record;
  auto result = ring->get(std::span(room).first(64), record, deadline);
  if (result == ring::Get::kTooSmall) result = ring->get(room, record, deadline);
  if (result != ring::Get::kDone) return;
  board.victim.number = record.number;
  board.victim.item.size = record.bytes;
  std::memcpy(&board.victim.item.id, room.data(), sizeof board.victim.item.id);
}

// ------------------------------------------------------------------ sync

namespace {
template <class Slot>
std::span<const std::byte> bytes_at(const sync::Place& place) {
  return {reinterpret_cast<const std::byte*>(&place.slot<Slot>()), sizeof(Slot)};
}
}  // namespace

void World::make_lock(sync::LockCore::Type type) {
  lock = sync::LockCore::create(type);
  slot = bytes_at<shm::LockSlot>(lock->place());
}

void World::make_semaphore(const sync::SemaphoreCore::Options& options) {
  semaphore = sync::SemaphoreCore::create(options);
  slot = options.tracked ? bytes_at<shm::TrackedSemaphoreSlot>(semaphore->place())
                         : bytes_at<shm::SemaphoreSlot>(semaphore->place());
}

void World::make_event() {
  event = sync::EventCore::create();
  slot = bytes_at<shm::EventSlot>(event->place());
}

void World::make_condition() {
  condition = sync::ConditionCore::create(std::shared_ptr<sync::LockCore>());
  lock = condition->lock();
  slot = bytes_at<shm::ConditionSlot>(condition->place());
}

void World::make_barrier(std::uint64_t parties, std::uint32_t options) {
  barrier = sync::BarrierCore::create(parties, options);
  slot = bytes_at<shm::BarrierSlot>(barrier->place());
}

// ------------------------------------------------------------------ others

namespace {

// Of large blocks and extents the beginning, and the surroundings of the tail.
constexpr std::uint64_t kPart = 4096;

// The table, and what the first few of it stand for.
void add_extents(const World& world, Watched& all) {
  if (world.ring_words().extents == 0) return;
  constexpr std::size_t kTable = shm::kExtents * sizeof(shm::Extent);
  constexpr std::size_t kLookedInto = 6;
  const std::byte* begin = world.segment->at(world.table_begin(), kTable);
  all.emplace_back(begin, kTable);
  for (const auto& extent : std::span(reinterpret_cast<const shm::Extent*>(begin), kLookedInto)) {
    const bool has_memory = extent.size != 0 && extent.size % kPart == 0;
    if (has_memory) all.emplace_back(world.segment->at(extent.offset, kPart), kPart);
  }
}

}  // namespace

Watched World::watched() const {
  if (!ring) return {slot};
  const auto& first = ring_words().blocks[0];
  const std::uint64_t control = first.offset + first.size;
  Watched all{{segment->at(0, control), control}};
  if (ring_words().extents != 0) {
    const std::uint64_t table = ring::Extents::table_size();
    all.emplace_back(segment->at(control, table), table);
  }
  for (const auto& block : ring_words().blocks) {
    if (block.offset < control || block.size == 0) continue;
    all.emplace_back(segment->at(block.offset, kPart), kPart);
  }
  const std::uint64_t tail = ring::Position(ring_words().tail).unit() * ring::kUnit;
  const std::uint64_t part = std::min(kPart, segment->size() - tail);
  if (tail >= control) all.emplace_back(segment->at(tail, part), part);
  add_extents(*this, all);
  return all;
}

void World::park(const std::function<void(Role&)>& body) {
  Role& role = board.sleepers.at(sleepers.size());
  sleepers.push_back(Child::start([&] {
    body(role);
    role.when = os::Clock::now().time_since_epoch().count();
    role.done = true;
  }));
  const auto& child = sleepers.back();
  const auto deadline = os::Deadline::after(kDeadline);
  // Seen asleep several times in a row: it has no other reason to sleep so long.
  for (int asleep = 0; asleep < 5; asleep = state_of(child.pid()) == 'S' ? asleep + 1 : 0) {
    must(!deadline.passed(), "a sleeper does not go to sleep");
    ::usleep(50);
  }
}

void World::expect_sleepers_back() {
  const auto deadline = os::Deadline::after(kDeadline);
  for (std::size_t i = 0; i < sleepers.size(); ++i) {
    while (!board.sleepers[i].done) {
      must(!deadline.passed(), "sleeper " + std::to_string(i) + " is stuck");
      ::usleep(20);
    }
  }
}

std::size_t World::sleepers_back() const {
  std::size_t back = 0;
  for (std::size_t i = 0; i < sleepers.size(); ++i) back += board.sleepers[i].done;
  return back;
}

void World::went_on() const { board.survivor.when = os::Clock::now().time_since_epoch().count(); }

void wait_until(const std::function<bool()>& holds, const std::string& otherwise) {
  const auto deadline = os::Deadline::after(kDeadline);
  while (!holds()) {
    must(!deadline.passed(), otherwise);
    ::usleep(20);
  }
}

os::TaskWord word_of_a_dead_process() {
  const SharedPages<std::atomic<os::TaskWord>> word;
  auto child = Child::start([&word] { *word = os::self(); });
  must(child.wait(os::Deadline::after(kDeadline)) && *word != 0, "a process that does not end");
  return *word;
}

}  // namespace shoal::chaos
