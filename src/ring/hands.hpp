// Which items of a ring are in hand, and whose: where what the dead had is delivered again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "os/clock.hpp"
#include "os/task.hpp"
#include "ring/extents.hpp"
#include "ring/record.hpp"
#include "shm/layout.hpp"

namespace shoal::ring {

/// Operations on Extent::hand and on three of TallyWords, under the ring's consumers' lock where
/// nothing else is said.
///
/// An item in hand stands in an extent that its consumer owns: a large one in its own, a small one
/// in one that it was copied to. Its hand is not 0 from just before the head moves over it until it
/// is ended, also while it goes from the dead to another. So who reads head and tail first, and the
/// hands afterwards, misses none.
///
/// Death, instruction by instruction.
///  * Before taking(), in an extent that was only lent: no hand; it is free.
///  * From taking() on `taking` names the extent. settle(), which all do who have taken the lock,
///    before they do anything else, sees by the number of the item at the head which is true:
///      - no number, or that of the item at the head: it was not taken, and the hand becomes 0.
///        Of a small item the extent is free then, as its owner is dead; at the latest when the
///        item is gone whose number it has. A large item's extent is still the item's.
///      - another number: the head has moved, and the item is in the hand of the dead.
///    It changes one word, then `taking`: killed in between, the next does nothing more.
///  * After taken(): the item is in the hand of the dead.
///  * In take_over(): the extent has a new owner and the old count. If that one is dead as well the
///    next takes over from it, and the count is right, as it was not delivered in between.
///  * In end() before its store: in the hand of the dead, to be delivered again. After it: it is
///    ended; the extent, whose owner is dead and which has no hand, is free (sweep() of the ring).
/// Who sweeps keeps an extent with a hand. `left` and `looked_at` are hints: where one is lost,
/// those who wait look by themselves (shm/parking.hpp), and those who do not, 100 ms later.
class Hands {
 public:
  /// nullptr: no hands.
  Hands(const Extents& extents, shm::TallyWords* words) noexcept
      : extents_(extents), words_(words) {}
  explicit operator bool() const noexcept { return words_ != nullptr; }

  /// How a hand is written.
  struct Hand {
    static constexpr std::uint64_t kReading = 1ULL << 31U;  ///< its owner still reads the extent
    static constexpr std::uint64_t kThread = kReading - 1;
    std::uint32_t deliveries = 0;
    std::uint32_t thread = 0;
    [[nodiscard]] constexpr std::uint64_t while_read() const noexcept {
      return std::uint64_t{deliveries} << 32U | kReading | (thread & kThread);
    }
  };

  /// An item goes into the hand of this thread. `index` is its extent, which this process owns
  /// when the hand is set; between the two calls the head moves.
  void taking(std::size_t index) noexcept;
  void taken() noexcept;
  void set_hand(std::size_t index, Header header, std::uint32_t thread) const;
  /// After the lock was taken: what was begun is done or undone. `head` is the number of the item
  /// at the head.
  void settle(std::uint64_t head) {
    if (words_->taking.load(std::memory_order_relaxed) != 0) [[unlikely]]
      settle_taking(head);
  }
  /// By its owner, without the lock: it has copied the item.
  void was_read(std::size_t index) const;

  /// An item in the hand of the dead.
  struct Left {
    std::size_t index = 0;
    os::TaskWord owner = 0;
    bool alone = true;  ///< there are no others
  };
  /// The oldest one, where `head` is the number of the next. Without the lock, as it asks who is
  /// dead: another may be quicker. Says in the hint what it found.
  std::optional<Left> find_left(os::TaskWord self, std::uint64_t head);
  [[nodiscard]] bool is_left(const Left& left) const;
  /// Becomes this thread's, delivered once more: says how often in all. It must be left.
  std::uint32_t take_over(const Left& left, os::TaskWord self, std::uint32_t thread);
  /// Without the lock: the hint, and whether it is time to look.
  [[nodiscard]] bool some_left() const noexcept {
    return words_->left.load(std::memory_order_relaxed) != 0;
  }
  [[nodiscard]] bool is_time_to_look() const noexcept;

  /// The oldest item of this thread, else of this process; kNone where it has none in hand, or
  /// still reads them all.
  [[nodiscard]] std::size_t find_own(os::TaskWord self, std::uint32_t thread,
                                     std::uint64_t head) const;
  /// It is in no hand any more, and its extent is free.
  void end(std::size_t index, os::TaskWord owner) const;

  /// Whether anybody has something in hand. Without the lock, too.
  [[nodiscard]] bool any() const;

 private:
  void settle_taking(std::uint64_t head);

  const Extents& extents_;
  shm::TallyWords* words_;
};

}  // namespace shoal::ring
