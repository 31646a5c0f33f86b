// Everything that lives in shared memory, in one place.
//
// Rules: fixed-width fields, offsets instead of pointers, every shared word a lock-free atomic of
// its natural size, all zero is a valid start. A change here changes kLayoutVersion.
// What is read from here was written by another process: positions and sizes are checked at each
// use, not only when a segment is opened.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace shoal::shm {

using Word = std::atomic<std::uint64_t>;
using HalfWord = std::atomic<std::uint32_t>;
static_assert(Word::is_always_lock_free && HalfWord::is_always_lock_free);
static_assert(sizeof(Word) == 8 && sizeof(HalfWord) == 4);
static_assert(std::endian::native == std::endian::little, "positions are written little-endian");

/// Two lines: processors fetch lines in pairs.
constexpr std::size_t kLine = 128;

constexpr std::array<char, 8> kMagic{'s', 'h', 'o', 'a', 'l', '\r', '\n', '\0'};
constexpr std::uint32_t kLayoutVersion = 4;

enum class Kind : std::uint32_t {
  kQueue = 1,
  kLock = 2,
  kSlab = 3,  ///< many nameless objects
  kRLock = 4,
  kSemaphore = 5,
  kEvent = 6,
  kCondition = 7,
  kBarrier = 8,
};

// ---------------------------------------------------------------- waiting

/// Who holds or waits, for people: nothing depends on it.
struct Note {
  Word process;  ///< a task word, or 0: nobody
  Word thread;   ///< thread id in the low half; since when in the high half (shm/note.hpp)
};
static_assert(sizeof(Note) == 16);

/// Who sleeps until something changes. The words belong to shm::Parking (parking.hpp).
struct ParkingWords {
  HalfWord sequence;          ///< the futex; every wake-up changes it
  HalfWord sleepers;          ///< which groups may hold a sleeper; a hint that heals itself
  Word watcher;               ///< the sleeper that looks every few milliseconds: a task word, or 0
  std::array<Note, 6> notes;  ///< of those who sleep; who finds them all taken has none
};
static_assert(sizeof(ParkingWords) == 112);

/// A lock with an owner. The words belong to sync::OwnerLock (owner_lock.hpp).
struct LockWords {
  Word owner;  ///< a task word, or 0
  ParkingWords parking;
};
static_assert(sizeof(LockWords) == 120);

// ---------------------------------------------------------------- segments

/// Opens every segment. Written before another process can see it; then only `size` changes.
struct SegmentHeader {
  std::array<char, 8> magic;
  std::uint32_t version;
  Kind kind;
  std::array<std::uint64_t, 2> id;  ///< random: the same segment, whatever descriptor led to it
  std::uint64_t creator;            ///< task word
  std::uint64_t pid_namespace;
  std::uint64_t time_namespace;
  std::uint32_t watch_bound_us;  ///< a watcher's sleep, at most
  std::uint32_t sleep_bound_us;  ///< any other sleep, at most
  Word size;                     ///< what the file has at least; it never becomes less
  std::array<char, 168> name;    ///< for people; empty or ended by a zero byte
};
static_assert(sizeof(SegmentHeader) == 240);
constexpr std::size_t kHeaderRoom = 256;

// ---------------------------------------------------------------- the ring

/// A stretch of records. In use while its sequence lies between that of the block where the head
/// is and that of the block where the tail is; so nobody has to free it. Written under `producers`.
struct RingBlock {
  Word offset;    ///< bytes from the start of the segment
  Word size;      ///< bytes; 0: no such block yet
  Word sequence;  ///< place in the chain, from 1; 0: not in it
};
constexpr std::size_t kRingBlocks = 512;

/// How many bytes have ever come to a position of the ring. The words belong to ring::Volume.
struct VolumeWords {
  std::array<Word, 2> position;
  std::array<Word, 2> bytes;
};

/// What all items are, where they travel as the bytes of one C++ type (ring/item_type.hpp). Fixed.
struct ItemWords {
  std::uint64_t size;          ///< bytes of each; 0: items of any type
  std::array<char, 120> name;  ///< of the type, ended by a zero byte
};
static_assert(sizeof(ItemWords) == kLine);

/// The words belong to ring::Ring (ring.hpp). No line that is polled holds a lock.
struct RingWords {
  alignas(kLine) Word seen_head;  ///< the head as a producer last read it; under `producers`
  Word full_head;                 ///< the head when the ring was last full; under `producers`
  std::uint64_t max_items;        ///< 0: no limit; fixed
  std::uint64_t max_bytes;        ///< the same of the sum of their payloads
  LockWords producers;
  std::uint64_t parcels;     ///< numbers given to items that carry descriptors; under `producers`
  Word grown_at;             ///< when memory was last taken: the coarse clock; under `producers`
  Word more;                 ///< bytes that were taken and may be given back, or more than that;
                             ///< under `producers`
  Word extents;              ///< extents from here on were never used; under `producers`
  alignas(kLine) Word tail;  ///< where the next record goes; written under `producers`
  alignas(kLine) LockWords consumers;
  alignas(kLine) Word head;  ///< where the next record is; written under `consumers`
  alignas(kLine) ParkingWords not_empty;
  HalfWord shut;           ///< a ring::Shut; written under `producers`
  HalfWord signal;         ///< a ring::Signal; written under `producers`
  std::uint32_t joinable;  ///< 1: TallyWords follow these words; 2: the same, and what the dead
                           ///< had in hand is delivered again; fixed
  alignas(kLine) ParkingWords not_full;
  alignas(kLine) std::array<RingBlock, kRingBlocks> blocks;
  alignas(kLine) VolumeWords put;    ///< where there is a limit of bytes; under `producers`
  alignas(kLine) VolumeWords taken;  ///< the same under `consumers`
  alignas(kLine) ItemWords item;     ///< fixed
};
static_assert(offsetof(RingWords, tail) % kLine == 0 && offsetof(RingWords, head) % kLine == 0);
static_assert(std::is_standard_layout_v<RingWords>);
static_assert(offsetof(RingWords, not_full) == offsetof(RingWords, not_empty) + kLine);
static_assert(sizeof(RingWords) == 10 * kLine + kRingBlocks * sizeof(RingBlock));

/// A run of pages outside of the ring's blocks: for a large item, or one that is written or read in
/// place. The words belong to ring::Extents (extents.hpp).
struct Extent {
  Word owner;   ///< who writes or reads it: a task word; 0: free
  Word item;    ///< 0, or the number of the item whose content it is, plus 1
  Word offset;  ///< bytes from the start of the segment
  Word size;    ///< bytes, whole pages; the lowest bit: it has no memory; 0: never used
  Word hand;    ///< of an item in hand, to be delivered again: a ring::Hands::Hand; 0: of none
  Word record;  ///< of that: its ring::Header, which says how many bytes there are, and of what
};
constexpr std::size_t kExtents = 1024;

/// What one process has taken from a ring and has not ended. The words belong to ring::Tally, some
/// of TallyWords to ring::Hands.
struct TallyEntry {
  Word process;       ///< a task word; 0: free
  Word taken;         ///< items it has ever taken,
  Word taken_before;  ///< what that was before the last time,
  Word taken_at;      ///< and the number of the first item of the last time
  Word ended;         ///< the same of items that it has ended
  Word ended_before;
  Word ended_at;  ///< how many were ended by anybody before the last time
};
constexpr std::size_t kTallyEntries = 512;

struct TallyWords {
  Word ended;      ///< items ended by anybody, modulo 2^28; under `consumers`, as all but all_ended
  Word used;       ///< entries from here on were never taken
  Word taking;     ///< the extent in which an item is just taken in hand, plus 1; 0: none
  Word left;       ///< not 0: there may be some in the hand of the dead; a hint
  Word looked_at;  ///< when that was last looked for: the coarse clock; a hint
  alignas(kLine) ParkingWords all_ended;
  alignas(kLine) std::array<TallyEntry, kTallyEntries> entries;
};

// ---------------------------------------------------------------- objects of sync/

/// Opens every object of sync/, wherever it lies: in a slab, or in a segment of its own when it has
/// a name. Written before another process can see it.
struct SlotHead {
  HalfWord kind;     ///< a Kind; 0: not used yet
  HalfWord options;  ///< bits; what they mean is the object's affair
};
static_assert(sizeof(SlotHead) == 8);

/// A Lock or an RLock.
struct LockSlot {
  SlotHead head;
  LockWords lock;
  Note holder;     ///< of the lock; written by who took it
  HalfWord depth;  ///< of an RLock: how often its owner has it; written by the owner
};
static_assert(sizeof(LockSlot) <= 256);

struct SemaphoreSlot {
  SlotHead head;
  Word value;  ///< permits that are free
  Word most;   ///< permits that there may be; fixed
  ParkingWords parking;
};
static_assert(sizeof(SemaphoreSlot) <= 256);

struct EventSlot {
  SlotHead head;
  Word state;  ///< bit 0: set; the rest counts how often it was
  ParkingWords parking;
};
static_assert(sizeof(EventSlot) <= 256);

/// The room of an object in a slab for small ones, and of a large one.
constexpr std::size_t kSmallSlot = 256;
constexpr std::size_t kLargeSlot = 16 * 1024;

/// A semaphore that knows who holds its permits.
constexpr std::size_t kMostTrackedPermits = 1024;
struct TrackedSemaphoreSlot {
  SlotHead head;
  Word most;
  ParkingWords parking;
  HalfWord used;  ///< permits from here on were never there
  /// 0: free; 1: no such permit; else the task word of its holder.
  std::array<Word, kMostTrackedPermits> permits;
};
static_assert(sizeof(TrackedSemaphoreSlot) <= kLargeSlot);

/// One who waits to be called. The words belong to sync::Seats (seats.hpp).
struct Seat {
  Word process;    ///< a task word; 0: free
  Word thread;     ///< as in Note
  Word ticket;     ///< order of coming
  Word horizon;    ///< of one who was called: the ticket that the next to come would have got;
                   ///< of a party of a barrier: its index in the round that ends
  HalfWord state;  ///< a sync::Seats::State; written last, and taken by compare-and-swap
  HalfWord unused;
};
static_assert(sizeof(Seat) == 40);
constexpr std::size_t kSeats = 400;

struct SeatsWords {
  ParkingWords parking;
  Word next_ticket;
  Word used;  ///< seats from here on were never taken
  std::array<Seat, kSeats> seats;
};

struct ConditionSlot {
  SlotHead head;
  SeatsWords seats;
  LockSlot lock;  ///< of a condition that was made without one
};
static_assert(sizeof(ConditionSlot) <= kLargeSlot);

/// The words belong to sync::BarrierCore (barrier_core.hpp).
struct BarrierSlot {
  SlotHead head;
  LockWords lock;  ///< under it all but the seats' own words changes
  Word parties;
  Word phase;      ///< what the barrier is doing
  Word broken;     ///< why; 0: it is not
  Word actor;      ///< the party that ends the round: a task word, or 0
  Word last_call;  ///< while it lets go: tickets below this one
  Word dead;       ///< whose death broke it, or made it shrink: a task word, or 0
  Word shrinking;  ///< while a dead party is taken out: parties left in the high half, seat + 1
  SeatsWords seats;
};
static_assert(sizeof(BarrierSlot) <= kLargeSlot);

}  // namespace shoal::shm
