// Those who wait to be called one by one: under Condition and Barrier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <shoal/holder.hpp>
#include <stop_token>

#include "os/clock.hpp"
#include "shm/layout.hpp"
#include "shm/parking.hpp"
#include "shm/segment.hpp"

namespace shoal::sync {

/// A table of who waits. Each takes a seat, and sleeps until its seat's state changes; so exactly
/// those are woken who were called, and nobody who comes later takes what was meant for them.
///
/// Death. A seat names who sits in it. One that dies before it was called leaves a seat that is
/// used again when the others are taken. One that dies after it was called had it for nothing: the
/// watcher of the sleepers finds it and calls another in its place, one who sat there at that time;
/// it is not the watcher who is called first, so that there is one left to look. Killed between the
/// call and the wake-up: the watcher wakes who was called. Killed while it calls another for the
/// dead: the next watcher calls one more, which is a wake-up for nothing.
/// Thread, process and fork safe.
class Seats {
 public:
  enum class State : std::uint32_t { kNone = 0, kWaits = 1, kCalled = 2, kTurnedAway = 3 };

  Seats(shm::SeatsWords& words, const shm::Segment& segment) noexcept
      : words_(words), segment_(segment) {}

  /// Takes a seat. Throws OutOfMemory where all are taken.
  std::size_t sit();
  /// Sleeps in it until called, turned away, the deadline or a stop; or until `rescue`, which runs
  /// when a sleep has reached its bound, says so. Throws Interrupted.
  void wait(std::size_t seat, os::Deadline deadline, shm::Spin& spin, const std::stop_token* stop,
            shm::Check rescue) {
    wait(seat, segment_.bounds(), deadline, spin, stop, rescue);
  }
  void wait(std::size_t seat, const shm::Bounds& bounds, os::Deadline deadline, shm::Spin& spin,
            const std::stop_token* stop, shm::Check rescue);
  /// The process that looks after the others: a task word, or 0.
  [[nodiscard]] os::TaskWord watcher() const noexcept {
    return words_.parking.watcher.load(std::memory_order_relaxed);
  }
  [[nodiscard]] State state(std::size_t seat) const noexcept {
    return state_of(words_.seats[seat].state.load(std::memory_order_acquire));
  }
  /// Gives it up, and says what had become of it.
  State leave(std::size_t seat) noexcept;
  /// The same; a call that came in vain goes to another.
  void leave_uncalled(std::size_t seat);

  /// Calls at most `count` of those who wait, and wakes them. One caller at a time.
  void call(std::size_t count);
  /// All who wait with a ticket before `end`: without the wake-up.
  void mark_all(State state, std::uint64_t end) noexcept;
  /// Numbers those who wait from 0, in the order of coming. One caller at a time.
  void number_all() noexcept;
  [[nodiscard]] std::uint64_t number(std::size_t seat) const noexcept {
    return words_.seats[seat].horizon.load(std::memory_order_relaxed);
  }
  void wake_all() noexcept { shm::Parking(words_.parking).notify_all(); }
  /// What the watcher does for others when its sleep has reached its bound.
  void look_after_called();

  /// The first who waits and has died; process 0: nobody. Who came later than `waited_for` ago is
  /// not looked at: it costs.
  struct Dead {
    std::size_t seat = 0;
    os::TaskWord process = 0;
  };
  [[nodiscard]] Dead find_dead(os::Nanoseconds waited_for) const;
  /// Gives up the seat of `dead`, if it still sits there. Who was found dead is not asked for
  /// again: for an instant, while the kernel takes it away, that would say no.
  void free_dead(std::size_t seat, os::TaskWord dead);

  [[nodiscard]] std::size_t waiting() const noexcept { return count(State::kWaits); }
  [[nodiscard]] std::size_t count(State state) const noexcept;
  [[nodiscard]] Waiters waiters() const;
  [[nodiscard]] std::uint64_t next_ticket() const noexcept {
    return words_.next_ticket.load(std::memory_order_acquire);
  }
  [[nodiscard]] shm::ParkingWords& parking() const noexcept { return words_.parking; }

 private:
  // A seat's state word counts in its upper bits how often the seat was taken, so that what was
  // read of one who sat there changes nothing for the next.
  static constexpr std::uint32_t kStateMask = 3;
  static constexpr State state_of(std::uint32_t word) noexcept {
    return static_cast<State>(word & kStateMask);
  }
  static constexpr std::uint32_t with(std::uint32_t word, State state) noexcept {
    return (word & ~kStateMask) | static_cast<std::uint32_t>(state);
  }
  static bool change(shm::Seat& seat, std::uint32_t seen, State to) noexcept {
    return seat.state.compare_exchange_strong(seen, with(seen, to), std::memory_order_acq_rel);
  }

  [[nodiscard]] std::size_t used() const noexcept;
  bool take(std::size_t index, os::TaskWord expected, os::TaskWord self) noexcept;
  bool call_one(std::size_t index, std::uint32_t seen) noexcept;
  void give_up_for_dead(std::size_t index, os::TaskWord owner, std::uint32_t seen);
  void call_another(std::uint64_t horizon, shm::Numbers& woken);
  [[nodiscard]] bool is_watcher(const shm::Seat& seat) const noexcept {
    return seat.process.load(std::memory_order_relaxed) ==
           words_.parking.watcher.load(std::memory_order_relaxed);
  }

  shm::SeatsWords& words_;
  const shm::Segment& segment_;
};

}  // namespace shoal::sync
