#include "sync/barrier_core.hpp"

#include <algorithm>
#include <limits>
#include <shoal/error.hpp>
#include <stdexcept>
#include <utility>

namespace shoal::sync {
namespace {

constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kMostParties = shm::kSeats;
// Looking at a process takes 10 us: a round that is over before that does not pay for it.
constexpr os::Nanoseconds kWaitedLong = std::chrono::milliseconds(20);

Place::Init of(std::uint64_t parties, std::uint32_t options) {
  if (parties == 0 || parties > kMostParties) {
    throw std::invalid_argument("a barrier has 1 to " + std::to_string(kMostParties) +
                                " parties, not " + std::to_string(parties));
  }
  return [parties, options](std::byte* bytes) {
    auto& slot = *reinterpret_cast<shm::BarrierSlot*>(bytes);
    slot.parties.store(parties, std::memory_order_relaxed);
    slot.head.options.store(options, std::memory_order_relaxed);
  };
}

}  // namespace

// The barrier's lock for the length of a scope, repaired where its owner died.
class BarrierCore::Session {
 public:
  explicit Session(BarrierCore& barrier) : lock_(barrier.lock_) {
    const auto& segment = barrier.place_.segment();
    const Taken taken =
        lock_.acquire(segment.user(), segment.bounds(), os::Deadline::never(), barrier.lock_spin_);
    if (taken == Taken::kFromDead) barrier.repair();
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { lock_.release(); }

 private:
  OwnerLock& lock_;
};

BarrierCore::BarrierCore(Place place)
    : place_(std::move(place)),
      slot_(place_.slot<shm::BarrierSlot>()),
      lock_(slot_.lock),
      seats_(slot_.seats, place_.segment()) {}

std::shared_ptr<BarrierCore> BarrierCore::create(std::uint64_t parties, std::uint32_t options) {
  return std::make_shared<BarrierCore>(
      Place::make(shm::Kind::kBarrier, sizeof(shm::BarrierSlot), of(parties, options)));
}
std::shared_ptr<BarrierCore> BarrierCore::create(std::uint64_t parties, std::uint32_t options,
                                                 const std::string& name) {
  return std::make_shared<BarrierCore>(
      Place::make_named(shm::Kind::kBarrier, name, sizeof(shm::BarrierSlot), of(parties, options)));
}
std::shared_ptr<BarrierCore> BarrierCore::open(const std::string& name) {
  return std::make_shared<BarrierCore>(
      Place::open(shm::Kind::kBarrier, name, sizeof(shm::BarrierSlot)));
}
std::shared_ptr<BarrierCore> BarrierCore::attach(os::Fd file, bool in_slab, std::uint64_t offset) {
  return std::make_shared<BarrierCore>(Place::attach(shm::Kind::kBarrier, std::move(file), in_slab,
                                                     offset, sizeof(shm::BarrierSlot)));
}

// ------------------------------------------------------------------ under the lock

// What the last owner may have left half done, from its commit on.
void BarrierCore::repair() noexcept {
  shrink();
  if (phase() == Phase::kReleasing) let_go();
  if (reason() == Reason::kReset) finish_reset();
  if (broken()) turn_away();
  seats_.wake_all();
}

void BarrierCore::finish_reset() noexcept {
  turn_away();
  slot_.dead.store(0, std::memory_order_relaxed);
  slot_.broken.store(0, std::memory_order_release);
  seats_.wake_all();
}

// Also the party that acts: it must not find that the round is still its own.
void BarrierCore::turn_away() noexcept {
  slot_.actor.store(0, std::memory_order_relaxed);
  slot_.phase.store(static_cast<std::uint64_t>(Phase::kFilling), std::memory_order_release);
  seats_.mark_all(Seats::State::kTurnedAway, kAll);
}

void BarrierCore::let_go() noexcept {
  seats_.mark_all(Seats::State::kCalled, slot_.last_call.load(std::memory_order_relaxed));
  slot_.actor.store(0, std::memory_order_relaxed);
  slot_.phase.store(static_cast<std::uint64_t>(Phase::kFilling), std::memory_order_release);
  seats_.wake_all();
}

// Broken from the store of the reason on.
void BarrierCore::break_for(Reason reason, os::TaskWord dead) noexcept {
  slot_.dead.store(dead, std::memory_order_relaxed);
  slot_.broken.store(static_cast<std::uint64_t>(reason), std::memory_order_release);
  turn_away();
  seats_.wake_all();
}

// A party less: the dead one's seat and the count. Who takes the lock from one that died between
// the two does both again; else the dead party would be waited for.
void BarrierCore::shrink() noexcept {
  const std::uint64_t what = slot_.shrinking.load(std::memory_order_relaxed);
  if (what == 0) return;
  const std::uint64_t seat = (what & 0xffffffffU) - 1;
  if (seat < shm::kSeats) seats_.free_dead(seat, slot_.dead.load(std::memory_order_relaxed));
  slot_.parties.store(what >> 32U, std::memory_order_relaxed);
  slot_.shrinking.store(0, std::memory_order_release);
  seats_.wake_all();
}

// True when it found one, and did what is to be done about it.
bool BarrierCore::look_for_dead(os::Nanoseconds waited_for) {
  if (broken()) return false;
  const os::TaskWord actor = slot_.actor.load(std::memory_order_relaxed);
  if (actor != 0 && os::is_dead(actor)) {
    break_for(Reason::kPartyDied, actor);
    return true;
  }
  const bool shrinks = (slot_.head.options.load(std::memory_order_relaxed) & kShrinks) != 0;
  const auto [seat, dead] = seats_.find_dead(waited_for);
  if (dead == 0) return false;
  if (shrinks) {
    const std::uint64_t left = std::max<std::uint64_t>(parties(), 2) - 1;
    slot_.dead.store(dead, std::memory_order_relaxed);
    slot_.shrinking.store(left << 32U | (seat + 1), std::memory_order_release);
    shrink();
  } else {
    break_for(Reason::kPartyDied, dead);
  }
  return true;
}

// The death of the one that watches may be the very thing that the others wait to be told: they see
// to it sooner than elsewhere that another watches.
shm::Bounds BarrierCore::bounds() const noexcept {
  shm::Bounds bounds = place_.segment().bounds();
  bounds.sleep = std::min(bounds.sleep, bounds.watch * 2);
  return bounds;
}

void BarrierCore::become_actor() noexcept {
  slot_.actor.store(os::self(), std::memory_order_relaxed);
  slot_.phase.store(static_cast<std::uint64_t>(Phase::kActing), std::memory_order_release);
}

// ------------------------------------------------------------------ a party

// False where the round before is still being ended. Takes a seat, unless it is the last to come.
bool BarrierCore::enter(Arrival& arrival, std::size_t& seat) {
  const Session session(*this);
  if (broken()) throw_broken(false);
  if (phase() != Phase::kFilling) return false;
  // Who waited alone had no watcher.
  while (seats_.waiting() + 1 >= parties() && look_for_dead(kWaitedLong)) {
    if (broken()) throw_broken(false);
  }
  arrival.acts = seats_.waiting() + 1 >= parties();
  if (arrival.acts) {
    become_actor();
    arrival.index = seats_.waiting();
  } else {
    seat = seats_.sit();
  }
  return true;
}

void BarrierCore::wait_for_filling(os::Deadline deadline, const std::stop_token* stop) {
  const auto ready = [this] { return phase() == Phase::kFilling || broken(); };
  const auto look = [&] {
    const Session session(*this);
    return look_for_dead() || ready();
  };
  const auto stopped = [stop] { return stop != nullptr && stop->stop_requested(); };
  const auto slept = shm::Parking(slot_.seats.parking, shm::kSeats)
                         .wait(place_.segment().bounds(), deadline, spin_, ready, look);
  if (slept != shm::Slept::kTimedOut && !stopped()) return;
  const Session session(*this);
  if (!broken()) break_for(Reason::kTimedOut);
}

// True when the seat was called, or its party turned away; false when the deadline passed, a stop
// was asked for, or the parties have become fewer.
bool BarrierCore::sleep(std::size_t seat, os::Deadline deadline, const std::stop_token* stop) {
  bool fewer = false;
  const auto look = [&] {
    const bool complete = phase() == Phase::kFilling && seats_.waiting() >= parties();
    const os::TaskWord watcher = seats_.watcher();  // 0: one that has just handed it on
    if (!complete && watcher != os::self() && watcher != 0) return false;
    const Session session(*this);
    look_for_dead();
    fewer = !broken() && phase() == Phase::kFilling && seats_.waiting() >= parties();
    return fewer;
  };
  seats_.wait(seat, bounds(), deadline, spin_, stop, look);
  return seats_.state(seat) != Seats::State::kWaits;
}

// Of one that still sits there uncalled. True: it is the last one now, and acts. Else it breaks the
// barrier, which turns it away with the others, unless it is called in this very moment.
bool BarrierCore::left_in_vain(std::size_t seat, bool in_time, Arrival& arrival) {
  const Session session(*this);
  if (seats_.state(seat) != Seats::State::kWaits) return false;
  const bool complete = phase() == Phase::kFilling && seats_.waiting() >= parties();
  if (complete) {
    become_actor();
    seats_.leave(seat);
    arrival.index = seats_.waiting();
    return true;
  }
  if (!in_time) break_for(Reason::kTimedOut);
  return false;
}

BarrierCore::Arrival BarrierCore::arrive(os::Deadline deadline, const std::stop_token* stop) {
  Arrival arrival;
  std::size_t seat = 0;
  while (!enter(arrival, seat)) wait_for_filling(deadline, stop);
  if (arrival.acts) return arrival;
  try {
    while (!sleep(seat, deadline, stop)) {
      const bool stopped = stop != nullptr && stop->stop_requested();
      const bool in_time = !stopped && !deadline.passed();
      if (left_in_vain(seat, in_time, arrival)) {
        arrival.acts = true;
        return arrival;
      }
    }
  } catch (...) {
    seats_.leave(seat);  // as in Python, the others wait on
    throw;
  }
  arrival.index = seats_.number(seat);
  if (seats_.leave(seat) == Seats::State::kCalled) return arrival;
  throw_broken(true);
}

void BarrierCore::finish(bool done) {
  const Session session(*this);
  if (slot_.actor.load(std::memory_order_relaxed) != os::self()) {
    if (done) throw_broken(true);
    return;
  }
  if (!done) {
    break_for(Reason::kActionFailed);
    return;
  }
  seats_.number_all();  // and not as they come: one that died since had a number too
  slot_.last_call.store(seats_.next_ticket(), std::memory_order_relaxed);
  // The round ends here: who takes the lock from a dead owner lets the others go.
  slot_.phase.store(static_cast<std::uint64_t>(Phase::kReleasing), std::memory_order_release);
  let_go();
}

// Done from the store of kReset on: who takes the lock from one that died behind it does the rest.
// Otherwise those whose turn had not come would wait on, for parties that are gone.
void BarrierCore::reset() {
  const Session session(*this);
  slot_.broken.store(static_cast<std::uint64_t>(Reason::kReset), std::memory_order_release);
  finish_reset();
}

void BarrierCore::abort() {
  const Session session(*this);
  break_for(Reason::kAborted);
}

std::uint64_t BarrierCore::waiting() const noexcept {
  return phase() == Phase::kFilling && !broken() ? seats_.waiting() : 0;
}

void BarrierCore::throw_broken(bool was_waiting) const {
  const auto why = [this, was_waiting]() -> std::string {
    switch (reason()) {
      case Reason::kAborted: return "was aborted";
      case Reason::kTimedOut: return "is broken: a party did not wait long enough for the others";
      case Reason::kPartyDied:
        return "is broken: process " +
               std::to_string(os::pid_of(slot_.dead.load(std::memory_order_relaxed))) +
               " died while it was a waiting party";
      case Reason::kActionFailed: return "is broken: its action raised an exception";
      case Reason::kReset:
      case Reason::kNone: break;
    }
    return was_waiting ? "was reset while parties waited" : "is broken";
  }();
  throw BrokenBarrier(label() + " " + why);
}

}  // namespace shoal::sync
