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
constexpr std::uint32_t kLayoutVersion = 1;

enum class Kind : std::uint32_t { kQueue = 1, kLock = 2, kSlab = 3 };

// ---------------------------------------------------------------- waiting

/// Who sleeps until something changes. The words belong to shm::Parking (parking.hpp).
struct ParkingWords {
  HalfWord sequence;  ///< the futex; every wake-up changes it
  HalfWord sleepers;  ///< which groups may hold a sleeper; a hint that heals itself
  Word watcher;       ///< the sleeper that looks every few milliseconds: a task word, or 0
};
static_assert(sizeof(ParkingWords) == 16);

/// A lock owned by a process. The words belong to sync::OwnerLock (owner_lock.hpp).
struct LockWords {
  Word owner;  ///< a task word, or 0
  ParkingWords parking;
};
static_assert(sizeof(LockWords) == 24);

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
  Word size;                     ///< bytes in use; grows, under the lock of what grows it
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

/// The words belong to ring::Ring (ring.hpp). No line that is polled holds a lock.
struct RingWords {
  alignas(kLine) LockWords producers;
  Word seen_head;            ///< the head as a producer last read it; under `producers`
  Word full_head;            ///< the head when the ring was last full; under `producers`
  std::uint64_t max_items;   ///< 0: no limit; fixed
  alignas(kLine) Word tail;  ///< where the next record goes; written under `producers`
  alignas(kLine) LockWords consumers;
  alignas(kLine) Word head;  ///< where the next record is; written under `consumers`
  alignas(kLine) ParkingWords not_empty;
  alignas(kLine) ParkingWords not_full;
  alignas(kLine) std::array<RingBlock, kRingBlocks> blocks;
};
static_assert(offsetof(RingWords, tail) % kLine == 0 && offsetof(RingWords, head) % kLine == 0);
static_assert(std::is_standard_layout_v<RingWords>);
static_assert(sizeof(RingWords) == 6 * kLine + kRingBlocks * sizeof(RingBlock));

// ---------------------------------------------------------------- locks

/// One public Lock: a slot of a slab, or the only content of a named segment.
struct LockSlot {
  alignas(64) LockWords lock;
};
static_assert(sizeof(LockSlot) == 64);
constexpr std::size_t kSlabSlots = 512;

}  // namespace shoal::shm
