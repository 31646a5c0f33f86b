// Where an object of sync/ lies: in a slab that this process fills, or in a segment of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "os/fd.hpp"
#include "shm/layout.hpp"
#include "shm/segment.hpp"

namespace shoal::sync {

/// A slot and its segment. Nameless objects share slabs, so that thousands cost few descriptors.
///
/// Slots are not used twice, as others may still hold a handle; a slab goes with its last handle in
/// each process. A child makes slabs of its own, so two processes never give out the same slot.
/// Thread, process and fork safe. Death: a slot is written before anybody else can know of it.
class Place {
 public:
  /// Writes a new slot (all zero) behind its head.
  using Init = std::function<void(std::byte* slot)>;

  /// In a slab. Throws OutOfMemory.
  static Place make(shm::Kind kind, std::size_t size, const Init& init = {});
  /// In a segment with a name. Throws NameTaken, OutOfMemory, std::invalid_argument.
  static Place make_named(shm::Kind kind, const std::string& name, std::size_t size,
                          const Init& init = {});
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Place open(shm::Kind kind, const std::string& name, std::size_t size);
  /// One that arrived as a descriptor and an offset: throws as open() where there is no such thing.
  static Place attach(shm::Kind kind, os::Fd file, bool in_slab, std::uint64_t offset,
                      std::size_t size);
  /// A slot within the slot of this place.
  [[nodiscard]] Place within(const void* slot) const;

  template <class Slot>
  [[nodiscard]] Slot& slot() const noexcept {
    return *reinterpret_cast<Slot*>(bytes_);
  }
  [[nodiscard]] shm::Segment& segment() const noexcept { return *segment_; }
  [[nodiscard]] bool in_slab() const noexcept { return in_slab_; }
  /// Bytes from the start of the segment.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  /// "lock 'jobs'", "a nameless lock".
  [[nodiscard]] std::string label() const;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;

  /// The same slot of the same segment.
  friend bool operator==(const Place& a, const Place& b) noexcept {
    return a.offset_ == b.offset_ && a.segment_ == b.segment_;  // a process has each open once
  }

 private:
  Place(std::shared_ptr<shm::Segment> segment, bool in_slab, std::uint64_t offset);
  static Place of_kind(std::shared_ptr<shm::Segment> segment, bool in_slab, std::uint64_t offset,
                       shm::Kind kind, std::size_t size);

  std::shared_ptr<shm::Segment> segment_;
  std::byte* bytes_;
  std::uint64_t offset_;
  bool in_slab_;
};

}  // namespace shoal::sync
