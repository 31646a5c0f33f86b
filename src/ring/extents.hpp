// Runs of pages outside of a ring's blocks, each with an owner.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "os/task.hpp"
#include "ring/record.hpp"
#include "shm/layout.hpp"
#include "shm/segment.hpp"

namespace shoal::ring {

/// A stretch of the segment, in bytes.
struct Area {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  [[nodiscard]] std::uint64_t size() const noexcept { return end - begin; }
};

/// The table of extents of a segment. It stands behind the ring's first block, and has memory from
/// the first use on.
///
/// Life of one. It is entered in the table under the producers' lock, by who is to write it and
/// owns it from then on; its memory is taken after that, outside of the lock. A record of the ring
/// then names it, and it has the number of that item; who takes the item becomes its owner before
/// the head moves. Its last owner frees it by one store, and it is kept, with its memory, for the
/// next; or is given back with what else a drained ring has (giving_back.cpp).
///
/// Death. An extent whose owner is dead is free, unless it has the number of an item that is in the
/// ring: then it is that item's, whoever wrote it or was just taking it. So who is killed
///  * before the commit of its record leaves it with no number, or with that of an item to come: it
///    is free, at the latest when that item is gone;
///  * between commit and taking: it is the item's;
///  * after it became its owner, before the head moved: it is still the item's, for the next;
///  * after the head moved: it is free, and its item was in that process's hand.
/// Who looks for these (sweep() of the ring) frees each by one compare-and-swap. An extent whose
/// item is in hand and is to be delivered again stays, whoever is dead: hands.hpp.
class Extents {
 public:
  Extents(shm::Segment& segment, shm::RingWords& words, std::uint64_t offset) noexcept
      : segment_(segment), words_(words), offset_(offset) {}

  static constexpr std::size_t kNone = shm::kExtents;
  /// Bytes of the table; whole pages.
  static std::uint64_t table_size() noexcept;
  [[nodiscard]] std::uint64_t table_end() const noexcept { return offset_ + table_size(); }

  /// Entries that were ever used; a damaged count is none.
  [[nodiscard]] std::size_t count() const noexcept;
  [[nodiscard]] shm::Extent& operator[](std::size_t index) const;
  [[nodiscard]] std::span<shm::Extent> used() const;
  /// How many have an owner, alive or dead.
  [[nodiscard]] std::size_t in_use() const;

  // Under the producers' lock.

  /// A free one with memory, of at least this size and not much more: `self` owns it then. Or
  /// kNone.
  [[nodiscard]] std::size_t take_free(std::uint64_t bytes, os::TaskWord self);
  /// An entry that stands for nothing, or kNone.
  [[nodiscard]] std::size_t find_unused();
  /// Such an entry becomes that area, without memory and owned by `self`.
  void enter(std::size_t index, const Area& area, os::TaskWord self);
  /// What an entry covers, if anything. Throws Damaged.
  [[nodiscard]] std::optional<Area> area(std::size_t index) const;
  /// A free one stands for nothing any more: what it covered is to be given back. False where it is
  /// not free.
  bool forget_free(std::size_t index);

  // By its owner.

  void has_memory(std::size_t index) const;
  /// It is, or no longer is, the content of that item.
  void belongs_to(std::size_t index, Position item) const;
  void belongs_to_none(std::size_t index) const noexcept;
  void free(std::size_t index, os::TaskWord self) const noexcept;

  /// Under the consumers' lock: the next item is at `head` and names it, and `self` becomes its
  /// owner. Throws Damaged where it cannot be that item's.
  Area take_item(std::uint64_t index, std::uint64_t bytes, Position head, os::TaskWord self) const;
  /// The same without becoming its owner.
  [[nodiscard]] Area look_at_item(std::uint64_t index, std::uint64_t bytes, Position head) const;

  /// Whether its content is that of an item from `head` to `tail`.
  [[nodiscard]] static bool is_in(const shm::Extent& extent, Position head, Position tail) noexcept;

 private:
  shm::Segment& segment_;
  shm::RingWords& words_;
  std::uint64_t offset_;
};

}  // namespace shoal::ring
