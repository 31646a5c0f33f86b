// What goes into a ring, what comes out of it, and how a caller asks for that.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "os/task.hpp"
#include "ring/item_type.hpp"
#include "ring/record.hpp"

namespace shoal::ring {

/// A payload is given in parts, so that no caller has to join them first.
using Parts = std::span<const std::span<const std::byte>>;

/// Bytes of all parts.
[[nodiscard]] inline std::uint64_t size_of(Parts payload) noexcept {
  std::uint64_t bytes = 0;
  for (const auto& part : payload) bytes += part.size();
  return bytes;
}

/// A payload of this size and more stands in an extent: it is copied outside of the locks, and can
/// be read where it stands.
constexpr std::uint64_t kFarFrom = 128UL * 1024;

enum class Put : std::uint8_t {
  kDone,
  kFull,    ///< max_items are in it, or one more would be more than max_bytes
  kHeld,    ///< no room for the descriptors of one more item
  kNoRoom,  ///< no room without growing, and consumers are at work (Patience::kSome)
  kShut,    ///< nothing may be put any more
  kBusy,    ///< another holds the lock, and it was not to be waited for any longer
};
enum class Get : std::uint8_t {
  kDone,
  kEmpty,
  kTooSmall,  ///< Record::bytes says how much room the next item needs; it was not taken
  kAlone,     ///< the next item cannot be taken in a batch: it carries descriptors, is far, or will
              ///< be delivered again
  kShut,      ///< empty, and nothing can come any more
  kBusy,      ///< another holds the lock, and it was not to be waited for any longer
};
/// What an attempt may wait for. A lock is held for a copy's time, unless its holder was stopped
/// (which is not death): so it is waited for until the caller's deadline, and for a second by
/// callers that would not wait at all.
struct Patience {
  enum class Lock : std::uint8_t {
    kTry,
    kOnce,  ///< the same, but taken from the dead
    kWait
  } lock = Lock::kWait;
  enum class Room : std::uint8_t { kLeaveToConsumers, kGrow } room = Room::kGrow;
  os::Deadline deadline = os::Deadline::never();  ///< for the lock
};

/// Descriptors that go with an item whose encoding is that of a parcel: its payload begins with
/// `number`, which the ring writes there.
struct Parcel {
  std::span<const int> fds;
  std::uint64_t number = 0;
};

class Ring;

/// Memory of a ring that this process has for itself: to be put, or taken. Freed at the end of its
/// life, which must not be later than the ring's. A value that moves. A forked child has a copy,
/// which is the parent's for ever, also where the same memory becomes the child's by another one:
/// it frees and puts nothing.
class Lent {
 public:
  Lent() noexcept = default;
  Lent(Lent&& other) noexcept { swap(other); }
  Lent& operator=(Lent&& other) noexcept {
    Lent gone(std::move(other));
    swap(gone);
    return *this;
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() {
    if (ring_ != nullptr) [[unlikely]]
      give_back();
  }

  explicit operator bool() const noexcept { return ring_ != nullptr; }
  /// Whether this process has it, not one that this was forked from.
  [[nodiscard]] bool is_ours() const noexcept;
  /// Begins at a page. Of one to be put all there is, of one that was taken the payload.
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  friend class Ring;
  void give_back() noexcept;
  Lent(Ring& ring, std::size_t index, os::TaskWord owner, std::span<std::byte> bytes) noexcept
      : ring_(&ring), index_(index), owner_(owner), bytes_(bytes) {}
  void swap(Lent& other) noexcept {
    std::swap(ring_, other.ring_);
    std::swap(index_, other.index_);
    std::swap(owner_, other.owner_);
    std::swap(bytes_, other.bytes_);
  }

  Ring* ring_ = nullptr;
  std::size_t index_ = 0;
  os::TaskWord owner_ = 0;
  std::span<std::byte> bytes_;
};

/// What was taken, or could not be.
struct Record {  // NOLINT(*-member-init): nobody reads `start` before it is written
  std::uint64_t bytes = 0;
  Encoding encoding = Encoding::kPickle;
  std::uint64_t number = 0;      ///< of the item in the queue, from 0, modulo 2^28
  std::uint32_t deliveries = 1;  ///< how often it was delivered, with this time
  std::vector<os::Fd> fds;       ///< of a parcel
  Lent content;  ///< where Room::in_place says so: the payload, instead of in the room
  /// With kTooSmall: how the payload begins (as much as there is), so that the caller can choose
  /// where it should go.
  std::array<std::byte, 16> start;
};

/// Where a payload goes: the first part is filled, then the second.
struct Room {
  template <class Bytes>
    requires std::convertible_to<Bytes&&, std::span<std::byte>>
  Room(Bytes&& bytes) : first(bytes) {}  // NOLINT: any run of bytes will do
  Room(std::span<std::byte> head, std::span<std::byte> rest) noexcept : first(head), second(rest) {}
  [[nodiscard]] std::size_t size() const noexcept { return first.size() + second.size(); }

  std::span<std::byte> first;
  std::span<std::byte> second;
  /// What stands in an extent is not copied, but stays there for the caller: Record::content.
  bool in_place = false;
};

/// Where there is room for it.
void copy_out(std::span<const std::byte> payload, const Room& room) noexcept;

/// One of a batch that is to be put.
struct Item {
  Parts payload;
  Encoding encoding = Encoding::kPickle;
  Parcel* parcel = nullptr;
};
/// One of a batch that was taken: its place in the room.
struct Slice {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  Encoding encoding = Encoding::kPickle;
};

/// Whether the ring still takes and gives; part of the format.
enum class Shut : std::uint32_t {
  kNo = 0,
  kForPuts = 1,  ///< what is in it can be taken
  kForAll = 2,   ///< nothing is to be taken, either
};
/// Whether somebody waits by a descriptor; part of the format.
enum class Signal : std::uint32_t { kUnasked = 0, kLowered = 1, kRaised = 2 };

struct Options {
  std::uint64_t max_items = 0;  ///< 0: no limit
  bool joinable = false;        ///< what is taken is to be ended, and can be waited for
  std::uint64_t max_bytes = 0;  ///< of all payloads in it; 0: no limit
  /// Joinable, and what the dead had taken and not ended is delivered again. No item carries
  /// descriptors then.
  bool redeliver = false;
  ItemType item = {};  ///< what all items are to be
};

}  // namespace shoal::ring
