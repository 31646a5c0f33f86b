// What a handle of a public Barrier shares.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "sync/owner_lock.hpp"
#include "sync/place.hpp"
#include "sync/seats.hpp"

namespace shoal::sync {

/// Bits of SlotHead::options of a barrier.
constexpr std::uint32_t kShrinks = 1;

/// Parties wait until all have come; the last one ends the round: it runs the action, with no lock
/// held, and lets the others go.
///
/// Death. All changes are made under a lock that survives its owner. A round ends by one store,
/// that of the phase kReleasing; who takes the lock from one that died behind it lets the rest go.
/// So it is with a break, a reset, and the loss of a party.
/// A party that dies while it waits, or while it runs the action, is found by the watcher, or by
/// the last to come where it waited for longer than kWaitedLong: the barrier breaks, and says whose
/// death it was; or, where it was made so, goes on with one party less. A party that dies elsewhere
/// is unknown here.
class BarrierCore {
 public:
  static std::shared_ptr<BarrierCore> create(std::uint64_t parties, std::uint32_t options);
  static std::shared_ptr<BarrierCore> create(std::uint64_t parties, std::uint32_t options,
                                             const std::string& name);
  static std::shared_ptr<BarrierCore> open(const std::string& name);
  static std::shared_ptr<BarrierCore> attach(os::Fd file, bool in_slab, std::uint64_t offset);
  explicit BarrierCore(Place place);

  struct Arrival {
    std::uint64_t index = 0;  ///< which of the parties, in the order of coming; the last one acts
    bool acts = false;        ///< it calls finish(), after the action
  };
  /// Waits for the round's end, but the last one does not. Throws BrokenBarrier, also when the
  /// deadline passes or a stop is asked for, which break the barrier; Interrupted.
  Arrival arrive(os::Deadline deadline, const std::stop_token* stop = nullptr);
  /// Ends the round; `done` false: the action failed, which breaks the barrier. Throws
  /// BrokenBarrier where the barrier was broken or reset meanwhile, unless it failed.
  void finish(bool done);

  /// Those who wait are turned away; then it is as new.
  void reset();
  void abort();

  [[nodiscard]] std::uint64_t parties() const noexcept {
    return slot_.parties.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t waiting() const noexcept;
  [[nodiscard]] bool broken() const noexcept {
    return reason() != Reason::kNone && reason() != Reason::kReset;
  }
  [[nodiscard]] Waiters waiters() const { return seats_.waiters(); }
  [[nodiscard]] const Place& place() const noexcept { return place_; }
  [[nodiscard]] shm::ParkingWords& parking() const noexcept { return slot_.seats.parking; }
  [[nodiscard]] std::string label() const { return place_.label(); }

 private:
  enum class Phase : std::uint64_t { kFilling = 0, kActing = 1, kReleasing = 2 };
  // kReset: of one that is just being reset, which is as good as done.
  enum class Reason : std::uint64_t {
    kNone = 0,
    kAborted,
    kTimedOut,
    kPartyDied,
    kActionFailed,
    kReset
  };
  class Session;

  [[nodiscard]] Phase phase() const noexcept {
    return static_cast<Phase>(slot_.phase.load(std::memory_order_acquire));
  }
  [[nodiscard]] Reason reason() const noexcept {
    return static_cast<Reason>(slot_.broken.load(std::memory_order_acquire));
  }
  // Under the lock.
  void repair() noexcept;
  void shrink() noexcept;
  void let_go() noexcept;
  void turn_away() noexcept;
  void finish_reset() noexcept;
  void break_for(Reason reason, os::TaskWord dead = 0) noexcept;
  bool look_for_dead(os::Nanoseconds waited_for = os::Nanoseconds(0));
  void become_actor() noexcept;
  [[nodiscard]] shm::Bounds bounds() const noexcept;

  bool enter(Arrival& arrival, std::size_t& seat);
  void wait_for_filling(os::Deadline deadline, const std::stop_token* stop);
  bool sleep(std::size_t seat, os::Deadline deadline, const std::stop_token* stop);
  bool left_in_vain(std::size_t seat, bool stays, Arrival& arrival);
  [[noreturn]] void throw_broken(bool reset) const;

  Place place_;
  shm::BarrierSlot& slot_;
  OwnerLock lock_;
  Seats seats_;
  shm::Spin spin_;
  shm::Spin lock_spin_;
};

}  // namespace shoal::sync
