// Which items of a ring were taken and not ended, and by whom.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "os/task.hpp"
#include "shm/layout.hpp"

namespace shoal::ring {

/// Operations on TallyWords, all under the ring's consumers' lock. Each process that takes items
/// has an entry; more of them than there are entries take uncounted.
///
/// Death. taking() notes what the count was, where the head is, and the new count, in this order;
/// then the ring moves the head. Killed before that, the count is one too high, and the head still
/// where the note says it was: settle() tells by that, and puts the old count back. Once the head
/// has moved the note is withdrawn, as the numbers of items come round again. end() does the same
/// with the number of items ended. settle() changes what it changes by one store, and may be
/// repeated.
class Tally {
 public:
  /// nullptr: nothing is counted.
  explicit Tally(shm::TallyWords* words) noexcept : words_(words) {}
  explicit operator bool() const noexcept { return words_ != nullptr; }

  /// Just before the head moves over `count` items, of which `first` is the number of the first;
  /// and just after it.
  void taking(os::TaskWord self, std::uint64_t first, std::uint64_t count) noexcept;
  void taken(os::TaskWord self) noexcept;
  /// Ends an item, whoever has taken it.
  void end_one(os::TaskWord self) noexcept;
  /// Ends `count` items that this process has just taken.
  void end_own(os::TaskWord self, std::uint64_t count) noexcept;
  /// When the lock came from the dead; `head` is the number of the item at the head.
  void settle(std::uint64_t head) noexcept;

  /// Items ended by anybody, modulo 2^28. Without the lock, too.
  [[nodiscard]] std::uint64_t ended() const noexcept {
    return words_->ended.load(std::memory_order_acquire);
  }

  /// What will never be ended by who took it.
  struct Lost {
    std::uint64_t items = 0;
    os::TaskWord process = 0;  ///< one of the dead
    std::size_t processes = 0;
  };
  [[nodiscard]] Lost lost() noexcept;

 private:
  shm::TallyEntry* own(os::TaskWord self) noexcept;
  std::size_t claim(os::TaskWord self) noexcept;
  shm::TallyEntry* holder(os::TaskWord self) noexcept;
  void end(shm::TallyEntry* entry, std::uint64_t count) noexcept;
  [[nodiscard]] std::size_t used() const noexcept;

  shm::TallyWords* words_;
  std::atomic<std::size_t> own_{0};  // where this process was last found; a fork may copy it
};

}  // namespace shoal::ring
