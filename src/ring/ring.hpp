// The message ring: records of any size, many producers, many consumers, first in first out.
//
// Layout. Records stand one after another in a block of the segment; each is a header word and a
// payload. At the tail there is always a zero header. Where a record does not fit before the end
// of the block, a link leads back to its start; where it fits nowhere, a link leads to a next,
// larger block. Links are followed by whoever takes.
//
// put, under the producers' lock: write the payload; zero the header that follows; store the
// record's header (the commit); store the tail.
// get, under the consumers' lock: read the header at the head; copy; store the head (the item is
// taken now).
// Consumers never read the tail, and producers read the head only when they seem to be out of
// room; so the two sides meet in the record alone, which carries readiness and data in one line.
//
// Death, instruction by instruction:
//  * producer before the commit: what it wrote is beyond the zero header: not there.
//  * producer between commit and tail: the item is there (consumers go by headers); the next
//    producer takes the lock from the dead and walks from the tail over committed headers to the
//    zero one, which gives the true tail and item count.
//  * producer while growing: the memory lies beyond the segment's size (taken again by the next to
//    grow), or beyond the table's last block (used by the next), or in the table with sequence 0
//    (used by the next), or with a sequence but not linked (reset by that walk).
//  * consumer before the head's store: the item is still there, for the next.
//  * consumer after it: the item was taken, and is lost with its taker: the one item in hand.
//  * anybody between a change and the wake-up: the bounded wait (shm/parking.hpp).
//  * a lock's owner: sync/owner_lock.hpp.
//  * descriptors beside an item: ring/hold.hpp.
//  * who counts what it took: ring/tally.hpp; the bytes in it: ring/volume.hpp.
//  * what the dead had in hand and is delivered again: ring/hands.hpp, redelivery.cpp.
//  * who gives memory back: giving_back.cpp.
//  * large items and what is written or read in place, outside of the blocks: extents.hpp. Such a
//    record names its extent and is committed and taken like any other.
//  * in a batch those that stand one after another are put by one store, of the first one's header,
//    and those that are taken are taken by one store. Killed between the former and the tail's, all
//    of them are there, as the walk finds.
//  * who shuts the ring, before the store of `shut`: it is open. After it: the bounded waits find
//    it shut, and who comes next drops what is still to be dropped.
//  * the signal for who waits by a descriptor is raised before the commit that it tells of, and
//    lowered under both locks after the ring was seen empty: killed anywhere in between, it may be
//    raised in vain until the next look, and is never missing.
// A consumer has nothing to repair but the tally, or the hands: the head is one word.
#pragma once

#include <array>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "os/clock.hpp"
#include "ring/extents.hpp"
#include "ring/hands.hpp"
#include "ring/hold.hpp"
#include "ring/item_type.hpp"
#include "ring/record.hpp"
#include "ring/tally.hpp"
#include "ring/volume.hpp"
#include "shm/layout.hpp"
#include "shm/segment.hpp"
#include "sync/owner_lock.hpp"

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
  ~Lent();

  explicit operator bool() const noexcept { return ring_ != nullptr; }
  /// Whether this process has it, not one that this was forked from.
  [[nodiscard]] bool is_ours() const noexcept;
  /// Begins at a page. Of one to be put all there is, of one that was taken the payload.
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  friend class Ring;
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
struct Record {
  std::uint64_t bytes = 0;
  Encoding encoding = Encoding::kPickle;
  std::uint64_t number = 0;      ///< of the item in the queue, from 0, modulo 2^28
  std::uint32_t deliveries = 1;  ///< how often it was delivered, with this time
  std::vector<os::Fd> fds;       ///< of a parcel
  Lent content;  ///< where Room::in_place says so: the payload, instead of in the room
  /// With kTooSmall: how the payload begins (as much as there is), so that the caller can choose
  /// where it should go.
  std::array<std::byte, 16> start{};
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

/// One process's view of a ring, shared by its threads. Each call throws WrongNamespace in a
/// process that lives in other namespaces than the ring's maker.
/// Thread, process and fork safe; never calls user code; see above for death.
class Ring {
 public:
  /// Bytes of a new segment for a ring, and what makes its content.
  static std::size_t segment_size(const Options& options = {}) noexcept;
  static void initialise(std::byte* base, const Options& options) noexcept;

  explicit Ring(std::shared_ptr<shm::Segment> segment);

  /// Appends one item. Throws OutOfMemory (nothing changed), Damaged, Interrupted.
  Put try_put(Parts payload, Encoding encoding, const Patience& patience, Parcel* parcel = nullptr);
  /// The same, waiting until `deadline` while it is full: false when it passed. Throws ShutDown,
  /// and std::invalid_argument where the item is larger than max_bytes.
  bool put(Parts payload, Encoding encoding, os::Deadline deadline, Parcel* parcel = nullptr);
  /// The same for several, one after another, not all under one hold of the lock: says how many
  /// were put in `done`, and returns false where the deadline passed before all were. An exception
  /// leaves `done` right, too.
  bool put_many(std::span<const Item> items, os::Deadline deadline, std::size_t& done);

  /// Memory for at least so many bytes, to be written and then put. False where the deadline passed
  /// before the lock was free, or where all extents are in use (with redelivery: half of them).
  /// Throws OutOfMemory.
  bool lend(std::uint64_t bytes, os::Deadline deadline, Lent& lent) {
    return lend(bytes, bytes, deadline, lent);
  }
  /// The same where an item of `least` bytes will do, which is what max_bytes is asked for.
  bool lend(std::uint64_t bytes, std::uint64_t least, os::Deadline deadline, Lent& lent);
  /// The first `bytes` of it as an item; otherwise as put(). It is the caller's no longer where
  /// that returns true, else it still is. Throws std::logic_error where it is not this process's.
  bool put_lent(Lent& lent, std::uint64_t bytes, Encoding encoding, os::Deadline deadline);

  /// Takes the oldest item into `room`. Throws Damaged, Interrupted, and std::invalid_argument
  /// where it carries descriptors and there is no hold; never after it was taken. With redelivery
  /// what the dead had goes first, it is always copied, and OutOfMemory says that too many are in
  /// hand.
  Get try_get(const Room& room, Record& record, const Patience& patience);
  /// The same, waiting until `deadline` while it is empty. Throws ShutDown.
  Get get(const Room& room, Record& record, os::Deadline deadline);
  /// Takes what there is, but at most `most` items, what fits into `room` and what one hold of the
  /// lock allows. With kTooSmall, `slices` says how large the first is. Throws what try_get() does.
  Get try_get_many(std::span<std::byte> room, std::size_t most, std::vector<Slice>& slices,
                   const Patience& patience);
  /// The same, waiting until `deadline` while it is empty. Throws ShutDown.
  Get get_many(std::span<std::byte> room, std::size_t most, std::vector<Slice>& slices,
               os::Deadline deadline);
  /// Waits until there is something to take, or never will be: false where the deadline passed.
  bool wait_for_item(os::Deadline deadline);
  /// Waits until an item of that size can be put, or nothing can be put any more.
  bool wait_for_room(std::uint64_t bytes, os::Deadline deadline);

  /// From now on nothing can be put, and nothing taken where it is `at_once`: what is in it is
  /// dropped then.
  void shut(bool at_once);

  /// A descriptor that can be read from while something can be taken (an instant before, too, and
  /// for ever where the ring is shut); not to be read from. Throws std::invalid_argument where
  /// there is no hold.
  int signal_descriptor();

  /// True where items are to be ended.
  [[nodiscard]] bool joinable() const noexcept { return ends_ != nullptr; }
  /// True where, besides, what the dead had in hand is delivered again.
  [[nodiscard]] bool redelivers() const noexcept { return static_cast<bool>(hands_); }
  /// Ends an item that was taken. Throws NotHeldError where all are ended; with redelivery, where
  /// this process has none in hand.
  void end_item();
  /// Waits until all that was put is ended: false where the deadline passed. Without redelivery it
  /// throws ConsumerDied where that cannot be any more.
  bool join(os::Deadline deadline);

  /// Items in it: exact for what has returned, also after any death.
  [[nodiscard]] std::uint64_t items();
  [[nodiscard]] bool empty() const {
    static_cast<void>(segment_->user());
    return !has_item();
  }
  [[nodiscard]] bool full();
  [[nodiscard]] std::uint64_t max_items() const noexcept { return words_.max_items; }
  [[nodiscard]] std::uint64_t max_bytes() const noexcept { return max_bytes_; }
  [[nodiscard]] const shm::ItemWords& item() const noexcept { return words_.item; }
  [[nodiscard]] const shm::Segment& segment() const noexcept { return *segment_; }
  [[nodiscard]] const Hold& hold() const noexcept { return hold_; }

  /// Where this process notes the number of each item just before it takes it: if it is killed,
  /// that number tells which item it may have had in hand. nullptr: nowhere (the default).
  void set_witness(std::atomic<std::uint64_t>* witness) noexcept { witness_ = witness; }

 private:
  // Who takes the last item of a ring as large as this does not leave it to the next who looks to
  // give memory back: there may be none.
  static constexpr std::uint64_t kMuch = 64ULL << 20U;

  struct Block {
    std::uint64_t begin = 0;  // units
    std::uint64_t end = 0;
    std::uint64_t sequence = 0;
    [[nodiscard]] bool holds(std::uint64_t unit) const noexcept {
      return unit >= begin && unit < end;
    }
  };
  // What is to be appended.
  struct Entry {
    Parts parts;
    Header header;
    Parcel* parcel = nullptr;
    std::size_t extent = Extents::kNone;  // of one that is far
  };
  class LockGuard;
  class ConsumerGuard;
  friend class Lent;
  template <class Attempt>
  bool put_until(os::Deadline deadline, const std::uint64_t& bytes, Attempt attempt);
  template <class Attempt>
  Get get_until(os::Deadline deadline, Attempt attempt);

  void check(std::uint64_t bytes, const Parcel* parcel) const;
  Put try_put(const Entry& entry, const Patience& patience);
  // Producers, under their lock.
  Put append(const Entry& entry, Patience::Room room);
  bool ship(Parcel& parcel);
  bool too_many(Position tail);
  [[nodiscard]] bool too_much(std::uint64_t bytes) const noexcept;
  bool find_room(Position& tail, std::uint64_t units, Patience::Room room);
  bool fits(Position& tail, std::uint64_t head_unit, std::uint64_t units);
  bool consumers_at_work(Position tail);
  void grow(Position& tail, std::uint64_t units);
  std::size_t choose_block(std::uint64_t units, const Block& now);
  void take_block(std::size_t index, std::uint64_t units, const Block& now);
  void ask_for_share(std::uint64_t more);
  void check_share(std::uint64_t more) const;
  void takes_memory(std::uint64_t more) noexcept;
  [[nodiscard]] std::vector<Area> areas() const;
  [[nodiscard]] Area find_gap(std::uint64_t size) const;
  void link(Position& tail, std::uint64_t target);
  void write(Position tail, const Entry& entry);
  void repair();
  void repair_if_needed() {
    if (header_at(tail().unit()).load(std::memory_order_relaxed) != 0) [[unlikely]]
      repair();
  }
  void unlink_blocks_after(std::uint64_t sequence) noexcept;
  void move_tail(Position to, std::uint64_t bytes) noexcept;
  bool put_near_many(std::span<const Item> items, os::Deadline deadline, std::size_t& done);
  Put try_put_many(std::span<const Item> items, const Patience& patience, std::size_t& done);
  struct Run {
    std::size_t items = 0;
    std::uint64_t units = 0;
  };
  Run append_run(std::span<const Item> items);
  [[nodiscard]] std::uint64_t run_of_units(Position tail);
  [[nodiscard]] std::uint64_t run_of_items(Position tail);

  // Extents.
  Put try_put_lent(Lent& lent, std::uint64_t bytes, Encoding encoding, const Patience& patience);
  bool put_far(Parts payload, std::uint64_t bytes, Encoding encoding, os::Deadline deadline);
  enum class Lending : std::uint8_t { kDone, kBusy, kNone };
  /// Who takes items needs some where those who put may have no more.
  enum class Share : std::uint8_t { kHalf, kAll };
  Lending lend(std::uint64_t bytes, const Patience& patience, Share share, Lent& lent);
  [[nodiscard]] bool extents_to_spare() const;
  std::size_t find_extent(std::uint64_t bytes, Share share, bool& fresh);
  std::size_t enter_extent(std::uint64_t bytes, Share share);
  std::size_t give_back_free(std::size_t most);
  Area take_memory(std::size_t index, const Patience& patience);
  [[nodiscard]] Area area_of(std::size_t index) const;
  void sweep();
  void take_back(std::size_t index) noexcept;

  // Items in hand that are to be delivered again (redelivery.cpp).
  Get try_get_into_hand(const Room& room, Record& record, const Patience& patience);
  [[nodiscard]] Get look_for_any(const Patience& patience, std::optional<Hands::Left>& left);
  struct InHand {
    std::size_t index = Extents::kNone;
    std::span<const std::byte> content;
  };
  [[nodiscard]] std::uint64_t size_of_next() const;
  std::optional<Get> take_into_hand(const Room& room, Record& record, Lent& lent, bool none_free,
                                    InHand& item);
  std::optional<Get> take_over(const Hands::Left& left, const Room& room, Record& record,
                               InHand& item);
  bool describe(Header header, std::span<const std::byte> payload, const Room& room,
                Record& record) const;
  Get look_for_batch(const Patience& patience);
  [[noreturn]] void throw_all_in_hand() const;
  void end_in_hand();
  bool join_with_redelivery(os::Deadline deadline);
  void drop_left(const Patience& patience);
  [[nodiscard]] std::optional<Hands::Left> find_left() {
    return hands_.find_left(segment_->user(), head().items());
  }

  [[nodiscard]] bool has_item() const;
  // Something to take, or there never will be. The second also looks for the dead.
  [[nodiscard]] bool has_any() const {
    return has_item() || shut() != Shut::kNo || (hands_ && hands_.some_left());
  }
  [[nodiscard]] bool finds_any() { return has_any() || (hands_ && find_left()); }
  [[nodiscard]] bool has_room(std::uint64_t bytes) const;
  [[nodiscard]] bool half_free() const;
  [[nodiscard]] bool half_empty() const;
  void tell_producers() noexcept;
  void tell_producers_when_it_pays(shm::Parking& not_full);
  Get take(const Room& room, Record& record);
  Area payload_of(Header header, Position head) const;
  [[nodiscard]] std::uint64_t extent_of(Position head) const {
    return header_at(head.unit() + 1).load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::vector<os::Fd> look_into_hold(std::span<const std::byte> payload) const;
  [[nodiscard]] std::uint64_t parcel_number(std::span<const std::byte> payload) const;
  void move_head(Position to, std::uint64_t bytes) noexcept;
  void give_back() noexcept;
  void give_back_if_drained() noexcept {
    if (words_.more.load(std::memory_order_relaxed) > kMuch && head() == tail()) [[unlikely]]
      give_back();
  }
  void shrink();
  void forget_blocks();
  std::uint64_t give_back_gaps();
  void count_link(std::size_t& links) const;
  bool follow_links(Position& head) const;
  Get take_many(std::span<std::byte> room, std::size_t most, std::vector<Slice>& slices);
  void drop_all(const Patience& patience);
  bool drop_some(const Patience& patience);

  // A damaged word is taken for the least end there is: nothing is lost by that.
  [[nodiscard]] Shut shut() const noexcept {
    const auto word = words_.shut.load(std::memory_order_acquire);
    return word <= static_cast<std::uint32_t>(Shut::kForAll) ? Shut{word} : Shut::kForPuts;
  }
  [[noreturn]] void throw_shut() const;
  [[nodiscard]] Get look(const Patience& patience);
  [[nodiscard]] Signal signal() const noexcept {
    return static_cast<Signal>(words_.signal.load(std::memory_order_relaxed));
  }
  void raise_signal();
  void lower_signal();
  bool try_lower_signal();
  void lower_signal_if_empty() noexcept;
  void lower_what_others_could_not() noexcept {
    if (signal() == Signal::kRaised) [[unlikely]]
      lower_signal_if_empty();
  }
  void count_for_dead_producer();
  [[nodiscard]] bool has_unfinished() const;
  void tell_who_joins();
  [[nodiscard]] std::uint64_t unfinished() const noexcept;
  [[nodiscard]] bool all_ended();
  [[nodiscard]] Tally::Lost lost(os::Deadline deadline);
  [[noreturn]] void throw_lost(const Tally::Lost& lost) const;

  [[nodiscard]] Block block_of(std::uint64_t unit);
  [[nodiscard]] Block block_at(std::size_t index) const noexcept;
  [[nodiscard]] std::size_t find_index(std::uint64_t unit) const noexcept;
  [[nodiscard]] Block find_block(std::uint64_t unit) const;
  [[nodiscard]] shm::Word& header_at(std::uint64_t unit) const {
    return *reinterpret_cast<shm::Word*>(segment_->at(unit * kUnit, kUnit));
  }
  [[nodiscard]] Position tail() const noexcept {
    return Position(words_.tail.load(std::memory_order_relaxed));
  }
  [[nodiscard]] Position head() const noexcept {
    return Position(words_.head.load(std::memory_order_acquire));
  }

  std::shared_ptr<shm::Segment> segment_;
  Hold hold_;
  shm::RingWords& words_;
  Extents extents_;
  shm::TallyWords* ends_;  // of one that is joinable
  Tally tally_;
  Hands hands_;
  Volume put_;
  Volume taken_;
  std::uint64_t max_bytes_;
  shm::Bounds bounds_;
  // Where the tail was last seen. One word, as a fork may copy it in the middle of a put.
  std::atomic<std::size_t> producer_block_{0};
  std::atomic<std::uint64_t>* witness_ = nullptr;
  std::atomic<std::int64_t> last_take_{0};  // when an item was last taken, while producers slept
  shm::Spin put_spin_;
  shm::Spin get_spin_;
  shm::Spin lock_spin_;
  shm::Spin join_spin_;
};

}  // namespace shoal::ring
