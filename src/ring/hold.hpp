// The descriptors that travel beside the items of a ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "shm/segment.hpp"

namespace shoal::ring {

/// A pair of sockets that all who have the ring have, too. For each item that carries descriptors
/// there is a message in it, with the item's parcel number, in the order of the items. The kernel
/// keeps what is on its way, also when its sender is gone, and closes it with the last who has the
/// pair.
///
/// Death. send() comes before the item's commit, under the producers' lock: killed in between
/// leaves a message without an item. look() copies the descriptors, under the consumers' lock; then
/// the item is taken; then drop() removes the message: killed in between leaves the message of an
/// item that is gone. Both have a number below those of the items to come, by which the next look()
/// knows and removes them.
class Hold {
 public:
  /// That of the segment; made where it is a fresh one, else what it came with, if anything.
  explicit Hold(const shm::Segment& segment) noexcept : segment_(segment) {}
  static void make(shm::Segment& segment);

  /// False: items cannot carry descriptors.
  explicit operator bool() const noexcept { return in() != -1; }
  /// The end to send to and the one to receive from; -1 where there is none.
  [[nodiscard]] int in() const noexcept { return segment_.companions()[0]; }
  [[nodiscard]] int out() const noexcept { return segment_.companions()[1]; }

  /// Throws std::invalid_argument where an item cannot carry these.
  void check(std::span<const int> fds) const;
  /// One sender at a time, numbers ascending. False: no room for now. Throws std::system_error.
  [[nodiscard]] bool send(std::uint64_t number, std::span<const int> fds) const;
  /// Waits until there may be room, for a short time: a socket says that it can be written to only
  /// when three quarters of it are free, and more can be sent before. Throws Interrupted.
  void wait_for_room(os::Deadline deadline) const;

  /// One receiver at a time. The descriptors of that item, which stay there; none where its message
  /// was lost. Throws std::system_error.
  [[nodiscard]] std::vector<os::Fd> look(std::uint64_t number) const;
  /// Whether it has a message, which is next then; does not copy descriptors.
  [[nodiscard]] bool has(std::uint64_t number) const;
  /// Removes the message of the item that look() or has() has just found.
  void drop() const noexcept;

  /// The other way through the pair goes a signal: in() can be read from after raise(), and no
  /// longer after lower(). Raised twice is lowered at once.
  void raise() const;
  void lower() const noexcept;

 private:
  const shm::Segment& segment_;
};

}  // namespace shoal::ring
