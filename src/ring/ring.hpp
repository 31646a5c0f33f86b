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

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "os/clock.hpp"
#include "ring/bell.hpp"
#include "ring/extents.hpp"
#include "ring/hands.hpp"
#include "ring/hold.hpp"
#include "ring/item.hpp"
#include "ring/pace.hpp"
#include "ring/record.hpp"
#include "ring/tally.hpp"
#include "ring/volume.hpp"
#include "shm/layout.hpp"
#include "shm/segment.hpp"
#include "sync/owner_lock.hpp"

namespace shoal::ring {

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
  /// for ever where the ring is shut); not to be read from. Of a ring with a name each process has
  /// its own, which is so until this process finds nothing, too. Throws std::invalid_argument where
  /// there is no bell, and std::system_error.
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
  /// Who finds none here or in items() has looked: the signal is lowered.
  [[nodiscard]] bool empty() {
    static_cast<void>(segment_->user());
    if (has_item()) return false;
    lower_signal_if_asked();
    return true;
  }
  [[nodiscard]] bool full();
  [[nodiscard]] std::uint64_t max_items() const noexcept { return words_.max_items; }
  [[nodiscard]] std::uint64_t max_bytes() const noexcept { return max_bytes_; }
  [[nodiscard]] const shm::ItemWords& item() const noexcept { return words_.item; }
  [[nodiscard]] const shm::Segment& segment() const noexcept { return *segment_; }
  [[nodiscard]] const Hold& hold() const noexcept { return hold_; }
  [[nodiscard]] const Bell& bell() const noexcept { return bell_; }

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
  bool put_until(os::Deadline deadline, const std::uint64_t& bytes, const Attempt& attempt);
  template <class Attempt>
  Get get_until(os::Deadline deadline, const Attempt& attempt);

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
  void ask_for_signal();
  void raise_signal();
  void lower_signal();
  bool try_lower_signal();
  void lower_signal_if_empty() noexcept;
  void lower_what_others_could_not() noexcept {
    if (signal() == Signal::kRaised) [[unlikely]]
      lower_signal_if_empty();
  }
  void lower_signal_if_asked() noexcept {
    if (signal() != Signal::kUnasked) [[unlikely]]
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
  Bell bell_;
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
  Pace pace_;
  shm::Spin put_spin_;
  shm::Spin get_spin_;
  shm::Spin lock_spin_;
  shm::Spin join_spin_;
};

}  // namespace shoal::ring
