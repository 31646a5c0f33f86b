// The signal for who waits for items by a descriptor.
#pragma once

#include <atomic>

#include "ring/hold.hpp"
#include "shm/segment.hpp"

namespace shoal::ring {

/// Raised, its descriptor can be read from; lowered, no longer. Where the ring has a hold, that is
/// one descriptor of all its processes. One with a name has none: there each process that asks has
/// a watch of its own on the segment's file, which is raised for all of them at once, and lowered
/// by each for itself. Nothing of that is left behind, whoever dies.
///
/// Raised and made under the producers' lock, lowered under both. Where the signal's word says that
/// it is raised, each watch can be read from: those there were when it was raised, those that were
/// made since, and those that have ended with the file's name (os/watch.hpp).
///
/// Death: ring.hpp. A watch goes with its process, but where that was forked meanwhile: then it is
/// the child's as well, who polls and lowers the same one. Who lowered first and died in between
/// has left the word at "lowered": the next put raises all.
class Bell {
 public:
  Bell(const shm::Segment& segment, const Hold& hold) noexcept : segment_(segment), hold_(hold) {}
  ~Bell();
  Bell(const Bell&) = delete;
  Bell& operator=(const Bell&) = delete;

  /// False: there is none; the ring has no name, and its hold is not here.
  explicit operator bool() const noexcept { return hold_ || !segment_.name().empty(); }
  /// -1 where it has to be made.
  [[nodiscard]] int descriptor() const noexcept;
  /// Makes it: lowered, or raised by `is_on`, before anybody sees it. Throws std::system_error.
  void make(bool is_on);

  /// Throws std::system_error.
  void raise() const;
  void lower() const noexcept;

 private:
  const shm::Segment& segment_;
  const Hold& hold_;
  std::atomic<int> watch_{-1};
};

}  // namespace shoal::ring
