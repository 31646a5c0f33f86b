// Words of the ring: positions and record headers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace shoal::ring {

/// What a record's bytes are; part of the format, so that both languages read it.
enum class Encoding : std::uint8_t {
  kPickle = 0,
  kInt64 = 1,    ///< 8 bytes, two's complement, little-endian
  kUint64 = 2,   ///< 8 bytes, little-endian
  kFloat64 = 3,  ///< 8 bytes, IEEE 754 binary64, little-endian
  kParcel = 4,  ///< a pickle behind its parcel number (8 bytes), by which its descriptors are found
  kNumbers = 5,  ///< numbers, little-endian, behind 8 bytes that say of which type (numbers.hpp)
  kBytes = 6,    ///< bytes as they are
  kBundle = 7,   ///< a pickle with its out-of-band buffers (pickle/bundle.hpp)
  kParcelBundle = 8,  ///< a bundle behind its parcel number
};
constexpr bool is_parcel(Encoding encoding) noexcept {
  return encoding == Encoding::kParcel || encoding == Encoding::kParcelBundle;
}

/// The unit of positions and the size of a header, in bytes.
constexpr std::uint64_t kUnit = 8;

/// A place in the segment and the number of items before it, in one word, so that both change at
/// once: 36 bits of units (a segment of up to 512 GiB) and 28 bits of items, modulo 2^28.
class Position {
 public:
  constexpr Position() noexcept = default;
  constexpr explicit Position(std::uint64_t word) noexcept : word_(word) {}
  constexpr Position(std::uint64_t unit, std::uint64_t items) noexcept
      : word_((unit & kUnitMask) | items << kUnitBits) {}

  [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
  [[nodiscard]] constexpr std::uint64_t unit() const noexcept { return word_ & kUnitMask; }
  [[nodiscard]] constexpr std::uint64_t items() const noexcept { return word_ >> kUnitBits; }
  [[nodiscard]] constexpr Position at(std::uint64_t unit) const noexcept { return {unit, items()}; }
  [[nodiscard]] constexpr Position past(std::uint64_t units,
                                        std::uint64_t items = 1) const noexcept {
    return {unit() + units, this->items() + items};
  }
  bool operator==(const Position&) const = default;

  static constexpr unsigned kUnitBits = 36;
  static constexpr std::uint64_t kUnitMask = (1ULL << kUnitBits) - 1;
  static constexpr std::uint64_t kItemMask = (1ULL << (64 - kUnitBits)) - 1;

 private:
  std::uint64_t word_ = 0;
};

/// Items between two positions; 0 where `head` is ahead, as it is for an instant when an item is
/// taken before its producer has moved the tail.
[[nodiscard]] constexpr std::uint64_t items_between(Position head, Position tail) noexcept {
  const std::uint64_t count = (tail.items() - head.items()) & Position::kItemMask;
  return count <= Position::kItemMask / 2 ? count : 0;
}
/// The most items a ring can hold.
constexpr std::uint64_t kMostItems = Position::kItemMask / 2;

/// The word before each record. Not zero is the commit flag: storing it makes the record, or the
/// link to where the next one is, part of the queue.
///   bits 0..7 kind, bits 8..15 encoding, bits 16..63 bytes of payload, or the unit linked to
class Header {
 public:
  enum class Kind : std::uint8_t {
    kNone = 0,
    kRecord = 1,
    kLink = 2,
    kFar = 3,  ///< a record whose payload stands in an extent: its index follows, in one unit
  };

  constexpr explicit Header(std::uint64_t word) noexcept : word_(word) {}
  static constexpr Header record(std::uint64_t bytes, Encoding encoding) noexcept {
    return Header(bytes << 16U | static_cast<std::uint64_t>(encoding) << 8U |
                  static_cast<std::uint64_t>(Kind::kRecord));
  }
  static constexpr Header far(std::uint64_t bytes, Encoding encoding) noexcept {
    return Header(record(bytes, encoding).word() ^ static_cast<std::uint64_t>(Kind::kRecord) ^
                  static_cast<std::uint64_t>(Kind::kFar));
  }
  static constexpr Header link(std::uint64_t unit) noexcept {
    return Header(unit << 16U | static_cast<std::uint64_t>(Kind::kLink));
  }

  [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
  [[nodiscard]] constexpr Kind kind() const noexcept { return static_cast<Kind>(word_ & 0xffU); }
  [[nodiscard]] constexpr bool is_item() const noexcept {
    return kind() == Kind::kRecord || kind() == Kind::kFar;
  }
  [[nodiscard]] constexpr bool is_far() const noexcept { return kind() == Kind::kFar; }
  [[nodiscard]] constexpr Encoding encoding() const noexcept {
    return static_cast<Encoding>(word_ >> 8U & 0xffU);
  }
  [[nodiscard]] constexpr std::uint64_t bytes() const noexcept { return word_ >> 16U; }
  [[nodiscard]] constexpr std::uint64_t target() const noexcept { return word_ >> 16U; }
  /// Units of the whole record, header and payload.
  [[nodiscard]] constexpr std::uint64_t units() const noexcept {
    return is_far() ? 2 : units_for(bytes());
  }
  static constexpr std::uint64_t units_for(std::uint64_t bytes) noexcept {
    return 1 + (bytes + kUnit - 1) / kUnit;
  }

 private:
  std::uint64_t word_;
};
constexpr std::uint64_t kMostBytes = (1ULL << 39U) - 1;  // what a segment could hold at all

}  // namespace shoal::ring
