#include "ring/ring.hpp"

#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>
#include <stdexcept>
#include <utility>

#include "os/copy.hpp"
#include "ring/ring_locks.hpp"
#include "ring/ring_waits.hpp"

namespace shoal::ring {
namespace {

constexpr std::uint64_t kFirstBlock = 64 * 1024;

// RingWords::joinable where items are delivered again.
constexpr std::uint32_t kRedelivers = 2;

constexpr std::uint64_t kTally = shm::kHeaderRoom + sizeof(shm::RingWords);
static_assert(kTally % shm::kLine == 0);

std::uint64_t first_block_offset(bool joinable) noexcept {
  const std::uint64_t control = kTally + (joinable ? sizeof(shm::TallyWords) : 0);
  const std::uint64_t page = os::page_size();
  return (control + page - 1) / page * page;
}

// Where a ring has a tally, it stands behind the ring's own words, which are in the first mapping
// and do not move.
shm::TallyWords* tally_of(shm::Segment& segment) {
  const auto& words = segment.content<shm::RingWords>();
  if (words.joinable == 0) return nullptr;
  return reinterpret_cast<shm::TallyWords*>(segment.at(kTally, sizeof(shm::TallyWords)));
}

// Consumers that take less often than this wake a sleeping producer at each item; busier ones
// wake it when half is free, as a sleep costs what two thousand records do.
constexpr auto kBusy = std::chrono::microseconds(100);

}  // namespace

void copy_out(std::span<const std::byte> payload, const Room& room) noexcept {
  if (payload.size() == kUnit && room.first.size() >= kUnit) {
    std::memcpy(room.first.data(), payload.data(), kUnit);  // a size that is known is faster
    return;
  }
  const std::size_t in_first = std::min(payload.size(), room.first.size());
  os::copy(room.first.data(), payload.data(), in_first);
  const std::size_t in_second = payload.size() - in_first;
  os::copy(room.second.data(), payload.data() + in_first, in_second);
}

std::size_t Ring::segment_size(const Options& options) noexcept {
  return first_block_offset(options.joinable || options.redeliver) + kFirstBlock;
}

void Ring::initialise(std::byte* base, const Options& options) noexcept {
  auto& words = *reinterpret_cast<shm::RingWords*>(base + shm::kHeaderRoom);
  const std::uint64_t block = first_block_offset(options.joinable || options.redeliver);
  const Position start(block / kUnit, 0);
  words.max_items = options.max_items;
  words.max_bytes = options.max_bytes;
  words.joinable = options.redeliver ? kRedelivers : options.joinable ? 1 : 0;
  note(words.item, options.item);
  words.tail = start.word();
  words.head = start.word();
  words.seen_head = start.word();
  Volume(words.put).start(start);
  Volume(words.taken).start(start);
  words.blocks[0].offset = block;
  words.blocks[0].size = kFirstBlock;
  words.blocks[0].sequence = 1;
}

Ring::Ring(std::shared_ptr<shm::Segment> segment)
    : segment_(std::move(segment)),
      hold_(*segment_),
      bell_(*segment_, hold_),
      words_(segment_->content<shm::RingWords>()),
      extents_(*segment_, words_, segment_size({.joinable = words_.joinable != 0})),
      ends_(tally_of(*segment_)),
      tally_(words_.joinable == kRedelivers ? nullptr : ends_),
      hands_(extents_, words_.joinable == kRedelivers ? ends_ : nullptr),
      put_(words_.put),
      taken_(words_.taken),
      max_bytes_(words_.max_bytes),
      bounds_(segment_->bounds()) {}

// ------------------------------------------------------------------ put

Put Ring::try_put(Parts payload, Encoding encoding, const Patience& patience, Parcel* parcel) {
  const std::uint64_t bytes = size_of(payload);
  check(bytes, parcel);
  return try_put({payload, Header::record(bytes, encoding), parcel}, patience);
}

Put Ring::try_put(const Entry& entry, const Patience& patience) {
  Put result;
  {
    const LockGuard lock(*this, words_.producers, patience);
    if (!lock) return Put::kBusy;
    if (lock.from_dead()) repair();
    result = append(entry, patience.room);
  }
  if (result == Put::kDone) shm::Parking(words_.not_empty).notify();
  lower_what_others_could_not();
  return result;
}

// What can never be put is said before the lock is taken.
void Ring::check(std::uint64_t bytes, const Parcel* parcel) const {
  if (bytes > kMostBytes) {
    throw OutOfMemory("an item of " + std::to_string(bytes) + " bytes is too large for " +
                      segment_->label() + ": the most is " + std::to_string(kMostBytes));
  }
  if (max_bytes_ != 0 && bytes > max_bytes_) {
    throw std::invalid_argument("an item of " + std::to_string(bytes) + " bytes is too large for " +
                                segment_->label() + ": its limit is max_bytes, " +
                                std::to_string(max_bytes_));
  }
  if (parcel == nullptr) [[likely]]
    return;
  if (hands_) {
    throw std::invalid_argument("an item with handles among it cannot be put into " +
                                segment_->label() +
                                ", whose items are delivered again where a consumer dies: handles "
                                "are delivered once");
  }
  hold_.check(parcel->fds);
}

bool Ring::put(Parts payload, Encoding encoding, os::Deadline deadline, Parcel* parcel) {
  const std::uint64_t bytes = size_of(payload);
  if (bytes >= kFarFrom && parcel == nullptr) return put_far(payload, bytes, encoding, deadline);
  return put_until(deadline, bytes, [&](const Patience& patience) {
    return try_put(payload, encoding, patience, parcel);
  });
}

Put Ring::append(const Entry& entry, Patience::Room room) {
  repair_if_needed();  // not only after a take-over: who took over may have failed to
  if (shut() != Shut::kNo) [[unlikely]]
    return Put::kShut;
  Position tail = this->tail();
  if (too_many(tail) || too_much(entry.header.bytes())) return Put::kFull;
  if (!find_room(tail, entry.header.units(), room)) return Put::kNoRoom;
  if (entry.parcel != nullptr && !ship(*entry.parcel)) return Put::kHeld;
  write(tail, entry);
  return Put::kDone;
}

// No number is given twice: killed in here, the next to come takes a higher one.
bool Ring::ship(Parcel& parcel) {
  parcel.number = ++words_.parcels;
  return hold_.send(parcel.number, parcel.fds);
}

bool Ring::too_many(Position tail) {
  const bool countless = words_.max_items == 0 || words_.max_items > kMostItems;
  const std::uint64_t most = countless ? kMostItems : words_.max_items;
  const auto count = [&] {
    return items_between(Position(words_.seen_head.load(std::memory_order_relaxed)), tail);
  };
  if (count() < most) return false;
  words_.seen_head.store(head().word(), std::memory_order_relaxed);
  if (count() < most) return false;
  if (countless) {
    throw OutOfMemory(segment_->label() + " holds " + std::to_string(most) +
                      " items, the most it can count");
  }
  return true;
}

// Where they are not read at one instant, the sum may be too large or too small for that long.
bool Ring::too_much(std::uint64_t bytes) const noexcept {
  if (max_bytes_ == 0) [[likely]]
    return false;
  const std::uint64_t put = put_.at(tail());
  const std::uint64_t taken = taken_.at(head());
  return put > taken && put - taken + bytes > max_bytes_;
}

void Ring::move_tail(Position to, std::uint64_t bytes) noexcept {
  if (max_bytes_ != 0) [[unlikely]]
    put_.moves(tail(), to, bytes);
  words_.tail.store(to.word(), std::memory_order_release);
}

void Ring::move_head(Position to, std::uint64_t bytes) noexcept {
  if (max_bytes_ != 0) [[unlikely]]
    taken_.moves(head(), to, bytes);
  words_.head.store(to.word(), std::memory_order_release);
}

void Ring::write(Position tail, const Entry& entry) {
  const std::uint64_t units = entry.header.units();
  // One unit more: the header that ends the ring is part of the room.
  std::byte* record = segment_->at(tail.unit() * kUnit, (units + 1) * kUnit);
  std::byte* place = record + kUnit;
  for (const auto& part : entry.parts) {
    if (part.size() == kUnit) {
      std::memcpy(place, part.data(), kUnit);
    } else if (!part.empty()) {
      std::memcpy(place, part.data(), part.size());
    }
    place += part.size();
  }
  reinterpret_cast<shm::Word*>(record + units * kUnit)->store(0, std::memory_order_relaxed);
  if (signal() == Signal::kLowered) [[unlikely]]
    raise_signal();
  if (entry.extent != Extents::kNone) [[unlikely]]
    extents_.belongs_to(entry.extent, tail);
  // The commit. Pairs with the acquiring load of the header in take() and has_item().
  reinterpret_cast<shm::Word*>(record)->store(entry.header.word(), std::memory_order_release);
  move_tail(tail.past(units), entry.header.bytes());
}

// ------------------------------------------------------------------ get

Get Ring::try_get(const Room& room, Record& record, const Patience& patience) {
  if (record.content) record.content = Lent();
  if (hands_) [[unlikely]]
    return try_get_into_hand(room, record, patience);
  Get result = look(patience);
  if (result != Get::kDone) return result;
  {
    const ConsumerGuard lock(*this, patience);
    if (!lock) return Get::kBusy;
    result = take(room, record);
  }
  if (result == Get::kDone) {
    tell_producers();
    if (record.content && !room.in_place) {
      copy_out(record.content.bytes(), room);
      record.content = Lent();
    }
  }
  give_back_if_drained();
  lower_what_others_could_not();
  return result;
}

Get Ring::get(const Room& room, Record& record, os::Deadline deadline) {
  return get_until(deadline, [&] { return try_get(room, record, {.deadline = deadline}); });
}

// kDone: there is something to take.
Get Ring::look(const Patience& patience) {
  if (has_item() && shut() != Shut::kForAll) [[likely]]
    return Get::kDone;
  static_cast<void>(segment_->user());  // as the lock does otherwise: not even an empty one waits
  switch (shut()) {
    case Shut::kForAll: drop_all(patience); return Get::kShut;
    case Shut::kForPuts:
      if (has_item()) return Get::kDone;  // what came before that
      give_back();
      return Get::kShut;
    case Shut::kNo: break;
  }
  if (signal() != Signal::kUnasked) [[unlikely]]
    lower_signal();
  give_back();
  return Get::kEmpty;
}

Get Ring::take(const Room& room, Record& record) {
  Position head = this->head();
  if (!follow_links(head)) {
    move_head(head, 0);  // what lies behind is free
    return Get::kEmpty;
  }
  const Header header(header_at(head.unit()).load(std::memory_order_acquire));
  record.bytes = header.bytes();
  record.encoding = header.encoding();
  record.number = head.items();
  const Area place = payload_of(header, head);
  std::byte* payload = segment_->at(place.begin, place.size());
  if (header.bytes() > room.size() && !(header.is_far() && room.in_place)) {
    std::memcpy(record.start.data(), payload,
                std::min<std::uint64_t>(record.start.size(), header.bytes()));
    return Get::kTooSmall;
  }
  const bool parcel = is_parcel(header.encoding());
  if (parcel) [[unlikely]]
    record.fds = look_into_hold({payload, header.bytes()});
  const std::uint64_t extent = header.is_far() ? extent_of(head) : Extents::kNone;
  if (header.is_far()) {
    static_cast<void>(extents_.take_item(extent, header.bytes(), head, os::self()));
  } else {
    copy_out({payload, header.bytes()}, room);
  }
  if (witness_ != nullptr) witness_->store(head.items(), std::memory_order_relaxed);
  if (tally_) tally_.taking(os::self(), head.items(), 1);
  // The item is taken now. Release: the copy above is done before a producer reuses the place.
  move_head(head.past(header.units()), header.bytes());
  if (header.is_far()) {
    extents_.belongs_to_none(extent);
    record.content = Lent(*this, extent, os::self(), {payload, header.bytes()});
  }
  if (tally_) tally_.taken(os::self());
  if (parcel && !record.fds.empty()) hold_.drop();
  return Get::kDone;
}

// Where the payload of the item at the head stands.
Area Ring::payload_of(Header header, Position head) const {
  if (header.is_far()) return extents_.look_at_item(extent_of(head), header.bytes(), head);
  const std::uint64_t begin = (head.unit() + 1) * kUnit;
  return {begin, begin + header.bytes()};
}

// To the next record; false where there is none.
bool Ring::follow_links(Position& head) const {
  std::size_t links = 0;
  for (;;) {
    const Header header(header_at(head.unit()).load(std::memory_order_acquire));
    switch (header.kind()) {
      case Header::Kind::kRecord:
      case Header::Kind::kFar: return true;
      case Header::Kind::kNone: return false;
      case Header::Kind::kLink: break;
      default: segment_->throw_damaged("an unknown record");
    }
    count_link(links);
    head = head.at(header.target());
  }
}

std::vector<os::Fd> Ring::look_into_hold(std::span<const std::byte> payload) const {
  if (!hold_) {
    throw std::invalid_argument("the next item of " + segment_->label() +
                                " carries handles, and this process was not given the sockets "
                                "through which they travel: it stays for others");
  }
  return hold_.look(parcel_number(payload));
}

std::uint64_t Ring::parcel_number(std::span<const std::byte> payload) const {
  std::uint64_t number = 0;
  if (payload.size() < sizeof number) segment_->throw_damaged("a parcel without a number");
  std::memcpy(&number, payload.data(), sizeof number);
  return number;
}

// Links without a record between them: producers died after each, or could not go on. There is at
// most one for each block, and one more around the end of the first: no further link is made from
// the start of a block but to a next block, and blocks are not used again before the head has left
// them. More of them go in a circle, which would be followed for ever, by take() under the lock.
void Ring::count_link(std::size_t& links) const {
  if (++links > shm::kRingBlocks + 2) segment_->throw_damaged("links without an end");
}

// Without a lock, so each word is believed only when the head is seen unchanged after it was read:
// otherwise its place may have been used again, for a payload that says anything. "There is one"
// needs no such care: it can be taken by another at any time.
bool Ring::has_item() const {
  for (;;) {
    const Position at = head();
    Header header(header_at(at.unit()).load(std::memory_order_acquire));
    std::size_t links = 0;
    // A second link stands where a producer died after the first.
    while (header.kind() == Header::Kind::kLink && head() == at) {
      count_link(links);
      header = Header(header_at(header.target()).load(std::memory_order_acquire));
    }
    if (header.is_item()) return true;  // there was one, an instant ago
    if (head() == at) return header.kind() != Header::Kind::kNone;
  }
}

// ------------------------------------------------------------------ waiting for room

// Or there never will be.
bool Ring::has_room(std::uint64_t bytes) const {
  if (shut() != Shut::kNo) return true;
  const Position to = tail();  // before the head: rather too few than too many
  if (words_.max_items != 0 && items_between(head(), to) >= words_.max_items) return false;
  return !too_much(bytes);
}

bool Ring::half_free() const {
  const Position from = head();
  const Position to(words_.tail.load(std::memory_order_acquire));
  const std::size_t index = find_index(to.unit());
  if (index == shm::kRingBlocks) return true;  // it has been given back, as all was free
  const Block block = block_at(index);
  if (!block.holds(from.unit())) return false;
  const std::uint64_t size = block.end - block.begin;
  const std::uint64_t used =
      from.unit() <= to.unit() ? to.unit() - from.unit() : size - (from.unit() - to.unit());
  return used <= size / 2;
}

// The item is taken: nothing may keep it from the caller, not even a table of blocks that has been
// damaged since. A wake-up too many does no harm.
void Ring::tell_producers() noexcept {
  shm::Parking not_full(words_.not_full);
  if (!not_full.has_sleepers()) [[likely]]
    return;
  try {
    tell_producers_when_it_pays(not_full);
  } catch (...) {
    not_full.notify();
  }
}

void Ring::tell_producers_when_it_pays(shm::Parking& not_full) {
  const auto now = os::Clock::now().time_since_epoch().count();
  const auto before = last_take_.exchange(now, std::memory_order_relaxed);
  const bool busy = now - before < os::Nanoseconds(kBusy).count();
  const bool limited = words_.max_items != 0 || max_bytes_ != 0;
  const bool half = limited ? half_empty() : half_free();
  if (busy && !half && items_between(head(), tail()) != 0) return;
  if (max_bytes_ == 0) {
    not_full.notify();
  } else {
    not_full.notify_all();  // what is no room for one may be room for another
  }
}

bool Ring::half_empty() const {
  const auto count = items_between(head(), tail());
  return (words_.max_items == 0 || count <= words_.max_items / 2) && !too_much(max_bytes_ / 2);
}

// ------------------------------------------------------------------ looking

bool Ring::full() {
  if (words_.max_items != 0 && items() >= words_.max_items) return true;
  return too_much(1);
}

// Its last items may be committed and not counted: then the header at the tail is not zero. That is
// so for an instant of each put, too, and whether a producer lives takes microseconds to learn.
void Ring::count_for_dead_producer() {
  const os::TaskWord owner = words_.producers.owner.load(std::memory_order_acquire);
  if (owner == 0) return;
  if (header_at(tail().unit()).load(std::memory_order_relaxed) == 0 || !os::is_dead(owner)) return;
  const LockGuard lock(*this, words_.producers, {.deadline = os::Deadline::now()});
  if (lock.from_dead()) repair();
}

std::uint64_t Ring::items() {
  static_cast<void>(segment_->user());
  count_for_dead_producer();
  // Head and tail of one instant: an item taken and one put between the two looks would count as
  // one too many. Where consumers are quicker than these three loads, again and again, the newer
  // head is taken: that counts what was put by the look at the tail and is still there now.
  constexpr int kTries = 100;
  Position from = head();
  for (int tries = 1;; ++tries) {
    const Position to(words_.tail.load(std::memory_order_acquire));
    const Position after = head();
    if (after == from || tries == kTries) {
      const std::uint64_t count = items_between(after, to);
      if (count == 0) lower_signal_if_asked();
      return count;
    }
    from = after;
  }
}

}  // namespace shoal::ring
