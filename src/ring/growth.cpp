// Finding room for a record: in the block, around its end, or in a next block. All of it runs
// under the producers' lock.
#include <algorithm>
#include <shoal/error.hpp>

#include "ring/ring.hpp"

namespace shoal::ring {
namespace {

constexpr std::uint64_t kBusyBlock = 1ULL << 20U;    // a ring in steady use has at least this
constexpr std::uint64_t kLargeBlock = 16ULL << 20U;  // doubling ends here,
constexpr std::uint64_t kPartsOfRing = 128;          // or at this part of the whole

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

bool Ring::find_room(Position& tail, std::uint64_t units, Patience::Room room) {
  const auto head_unit = [this] {
    return Position(words_.seen_head.load(std::memory_order_relaxed)).unit();
  };
  if (fits(tail, head_unit(), units)) [[likely]]
    return true;
  words_.seen_head.store(head().word(), std::memory_order_relaxed);
  if (fits(tail, head_unit(), units)) return true;
  if (room != Patience::Room::kGrow && consumers_at_work(tail)) return false;
  grow(tail, units);
  return true;
}

// True when `units` and the zero header after them fit at the tail, which a link may have moved to
// the start of its block. The unit before the head stays free, so that a full block never looks
// empty.
bool Ring::fits(Position& tail, std::uint64_t head_unit, std::uint64_t units) {
  const Block block = block_of(tail.unit());
  const std::uint64_t unit = tail.unit();
  const std::uint64_t need = units + 1;
  const bool head_is_here = block.holds(head_unit);
  if (head_is_here && head_unit > unit) return need <= head_unit - unit;
  if (need <= block.end - unit) return true;
  if (!head_is_here || need > head_unit - block.begin) return false;
  link(tail, block.begin);
  return true;
}

// A large enough block, and the head has moved since the last time there was no room: then it is
// worth leaving the consumers a moment, as their memory is warm and fresh memory is not.
bool Ring::consumers_at_work(Position tail) {
  const Block block = block_of(tail.unit());
  const std::uint64_t now = words_.seen_head.load(std::memory_order_relaxed);
  const bool moved = words_.full_head.load(std::memory_order_relaxed) != now;
  words_.full_head.store(now, std::memory_order_relaxed);
  return moved && (block.end - block.begin) * kUnit >= kBusyBlock &&
         block.holds(Position(now).unit());
}

void Ring::grow(Position& tail, std::uint64_t units) {
  const Block now = block_of(tail.unit());
  const std::size_t index = choose_block(units, now);
  shm::RingBlock& next = words_.blocks[index];
  if (next.size.load(std::memory_order_relaxed) == 0) take_block(index, units, now);
  next.sequence.store(now.sequence + 1, std::memory_order_release);
  link(tail, next.offset.load(std::memory_order_relaxed) / kUnit);
}

// An entry of the table to go on in: the largest free block that will do, else an unused entry.
std::size_t Ring::choose_block(std::uint64_t units, const Block& now) {
  const std::uint64_t need = std::max((units + 2) * kUnit, kBusyBlock);
  const std::uint64_t in_use_from =
      find_block(Position(words_.seen_head.load(std::memory_order_relaxed)).unit()).sequence;
  std::size_t best = shm::kRingBlocks;
  std::size_t unused = shm::kRingBlocks;
  std::uint64_t best_size = 0;
  for (std::size_t i = 0; i < shm::kRingBlocks; ++i) {
    const auto size = words_.blocks[i].size.load(std::memory_order_relaxed);
    const auto sequence = words_.blocks[i].sequence.load(std::memory_order_relaxed);
    if (size == 0) {
      unused = std::min(unused, i);
    } else if (sequence < in_use_from && size >= need && size > best_size) {
      best = i;
      best_size = size;
    }
  }
  if (best != shm::kRingBlocks) return best;
  if (unused != shm::kRingBlocks) return unused;
  throw OutOfMemory("no room for more items in " + segment_->label() + ": its " +
                    std::to_string(shm::kRingBlocks) + " blocks, the last of " +
                    std::to_string((now.end - now.begin) * kUnit) + " bytes, are full");
}

// Killed in here: there may be memory in a gap of what the tables say, or none in a block that
// stands in a gap once more; both are for the next to come.
void Ring::take_block(std::size_t index, std::uint64_t units, const Block& now) {
  const std::uint64_t most =
      std::max(kLargeBlock, words_.more.load(std::memory_order_relaxed) / kPartsOfRing);
  const std::uint64_t doubled = std::min((now.end - now.begin) * kUnit * 2, most);
  const std::uint64_t size =
      round_up(std::max({doubled, kBusyBlock, (units + 2) * kUnit}), os::page_size());
  ask_for_share(size);
  std::uint64_t offset = find_gap(size).begin;
  takes_memory(size);
  try {
    segment_->grow(offset, size);
  } catch (const OutOfMemory&) {
    if (give_back_free(shm::kExtents) == 0) throw;
    offset = find_gap(size).begin;
    segment_->grow(offset, size);
  }
  words_.blocks[index].offset.store(offset, std::memory_order_relaxed);
  words_.blocks[index].size.store(size, std::memory_order_release);
}

// Ends the records at the tail with a link to `target`. The zero header stands there before the
// link can be followed.
void Ring::link(Position& tail, std::uint64_t target) {
  header_at(target).store(0, std::memory_order_relaxed);
  header_at(tail.unit()).store(Header::link(target).word(), std::memory_order_release);
  tail = tail.at(target);
  move_tail(tail, 0);
}

// After a producer's death: the records say where the tail is.
void Ring::repair() {
  Position tail = this->tail();
  const std::uint64_t most = segment_->file_size() / kUnit;
  std::uint64_t bytes = 0;
  for (std::uint64_t steps = 0;; ++steps) {
    const Header header(header_at(tail.unit()).load(std::memory_order_acquire));
    if (header.kind() == Header::Kind::kNone) break;
    if (steps > most) segment_->throw_damaged("records without an end");
    if (header.kind() == Header::Kind::kLink) {
      tail = tail.at(header.target());
    } else {
      tail = tail.past(header.units());
      bytes += header.bytes();
    }
  }
  move_tail(tail, bytes);
  unlink_blocks_after(find_block(tail.unit()).sequence);
}

void Ring::unlink_blocks_after(std::uint64_t sequence) noexcept {
  for (auto& block : words_.blocks) {
    if (block.sequence.load(std::memory_order_relaxed) > sequence) {
      block.sequence.store(0, std::memory_order_relaxed);
    }
  }
}

Ring::Block Ring::block_of(std::uint64_t unit) {
  Block block = block_at(producer_block_.load(std::memory_order_relaxed));
  if (!block.holds(unit)) [[unlikely]] {
    block = find_block(unit);
    producer_block_.store(find_index(unit), std::memory_order_relaxed);
  }
  return block;
}

Ring::Block Ring::block_at(std::size_t index) const noexcept {
  const auto& block = words_.blocks[index];
  const auto offset = block.offset.load(std::memory_order_relaxed);
  const auto size = block.size.load(std::memory_order_relaxed);
  return {offset / kUnit, (offset + size) / kUnit, block.sequence.load(std::memory_order_relaxed)};
}

// kRingBlocks: in none.
std::size_t Ring::find_index(std::uint64_t unit) const noexcept {
  std::size_t index = 0;
  while (index < shm::kRingBlocks && !block_at(index).holds(unit)) ++index;
  return index;
}

Ring::Block Ring::find_block(std::uint64_t unit) const {
  const std::size_t index = find_index(unit);
  if (index == shm::kRingBlocks) segment_->throw_damaged("a position in no block");
  return block_at(index);
}

}  // namespace shoal::ring
