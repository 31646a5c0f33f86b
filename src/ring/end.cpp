// The end of things: of what was taken, and of the ring itself.
#include <shoal/error.hpp>
#include <string>

#include "ring/ring_locks.hpp"
#include "ring/ring_waits.hpp"

namespace shoal::ring {

// ------------------------------------------------------------------ shutting

void Ring::throw_shut() const { throw ShutDown(segment_->label() + " is shut down"); }

void Ring::shut(bool at_once) {
  {
    const LockGuard lock(*this, words_.producers, {});
    if (lock.from_dead()) repair();
    const Shut wanted = at_once ? Shut::kForAll : Shut::kForPuts;
    if (signal() == Signal::kLowered) raise_signal();  // first: nobody comes to do it afterwards
    if (shut() < wanted) {
      words_.shut.store(static_cast<std::uint32_t>(wanted), std::memory_order_release);
    }
  }
  shm::Parking(words_.not_full).notify_all();
  if (at_once) drop_all({.deadline = os::Deadline::now()});
  shm::Parking(words_.not_empty).notify_all();
  if (joinable()) shm::Parking(ends_->all_ended).notify_all();
}

// By who shut it, and by who finds it shut: that one may have died in the middle. Where the lock is
// not to be had, it is left to the next who comes: there is nothing to be got in any case.
void Ring::drop_all(const Patience& patience) {
  while (has_item()) {
    if (!drop_some(patience)) return;
  }
  if (hands_) drop_left(patience);
  give_back();
  if (joinable()) tell_who_joins();
}

// In two steps where items are to be ended: killed in between, they seem to be in this process's
// hand, as those are that it takes. False where the lock was not free in time.
bool Ring::drop_some(const Patience& patience) {
  constexpr std::uint64_t kMostUnderOneLock = 4096;
  const ConsumerGuard lock(*this, patience);
  if (!lock) return false;
  const Position first = head();
  Position head = first;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::vector<std::size_t> extents;  // this process's from here on; freed when the head has moved
  for (; count < kMostUnderOneLock && follow_links(head); ++count) {
    const Header header(header_at(head.unit()).load(std::memory_order_acquire));
    if (is_parcel(header.encoding()) && hold_) {
      const std::byte* payload = segment_->at((head.unit() + 1) * kUnit, header.bytes());
      if (hold_.has(parcel_number({payload, header.bytes()}))) hold_.drop();
    }
    if (header.is_far()) {
      const std::size_t index = extent_of(head);
      static_cast<void>(extents_.take_item(index, header.bytes(), head, os::self()));
      extents.push_back(index);
    }
    bytes += header.bytes();
    head = head.past(header.units());
  }
  if (tally_) tally_.taking(os::self(), first.items(), count);
  move_head(head, bytes);
  for (const std::size_t index : extents) extents_.free(index, os::self());
  if (tally_) {
    tally_.taken(os::self());
    tally_.end_own(os::self(), count);
  }
  return true;
}

// ------------------------------------------------------------------ items that are to be ended

bool Ring::has_unfinished() const {
  if (!hands_) return unfinished() != 0;
  // In this order: who takes an item has it in hand before the head moves.
  const Position from = head();
  const Position to(words_.tail.load(std::memory_order_acquire));
  return items_between(from, to) != 0 || hands_.any();
}

void Ring::tell_who_joins() {
  if (!has_unfinished()) shm::Parking(ends_->all_ended).notify_all();
}

std::uint64_t Ring::unfinished() const noexcept {
  const Position ended(0, tally_.ended());
  return items_between(ended, Position(words_.tail.load(std::memory_order_acquire)));
}

void Ring::end_item() {
  if (hands_) return end_in_hand();
  for (bool counted = false;; counted = true) {
    {
      const ConsumerGuard lock(*this, {});
      if (unfinished() != 0) {
        tally_.end_one(os::self());
        break;
      }
    }
    if (counted) {
      throw NotHeldError("task_done() called too many times: all items of " + segment_->label() +
                         " are done");
    }
    // The item may have been taken before its producer, alive or dead, had counted it. The others
    // go on meanwhile: that one may be at a long copy.
    const LockGuard producers(*this, words_.producers, {});
    if (producers.from_dead()) repair();
  }
  tell_who_joins();
  lower_what_others_could_not();
}

Tally::Lost Ring::lost(os::Deadline deadline) {
  Tally::Lost lost;
  {
    const ConsumerGuard lock(*this, {.deadline = deadline});
    if (lock) lost = tally_.lost();
  }
  lower_what_others_could_not();
  return lost;
}

void Ring::throw_lost(const Tally::Lost& lost) const {
  const int pid = os::pid_of(lost.process);
  const bool one = lost.processes == 1;
  throw ConsumerDied(std::to_string(lost.items) + (lost.items == 1 ? " item" : " items") + " of " +
                         segment_->label() + " will never be done: process " + std::to_string(pid) +
                         (one ? "" : " and " + std::to_string(lost.processes - 1) + " more") +
                         " died after taking " + (lost.items == 1 ? "it" : "them") +
                         "; call task_done() once for each that is done otherwise",
                     pid, lost.items);
}

bool Ring::all_ended() {
  if (has_unfinished()) return false;
  count_for_dead_producer();
  return !has_unfinished();
}

bool Ring::join(os::Deadline deadline) {
  static_cast<void>(segment_->user());
  if (hands_) return join_with_redelivery(deadline);
  for (;;) {
    if (all_ended()) return true;
    if (shut() == Shut::kForAll) drop_all({.deadline = deadline});
    // Looked for at first, and then whenever a sleep has come to its bound.
    auto lost = this->lost(deadline);
    if (lost.items != 0 && unfinished() != 0) throw_lost(lost);
    if (deadline.passed()) return all_ended();  // also where there is something to be dropped
    const auto ready = [this] {
      return unfinished() == 0 || (shut() == Shut::kForAll && has_item());
    };
    const auto rescue = [&] { return this->lost(deadline).items != 0; };
    const auto outcome =
        shm::Parking(ends_->all_ended).wait(bounds_, deadline, join_spin_, ready, rescue);
    if (outcome == shm::Slept::kTimedOut) return all_ended();
  }
}

}  // namespace shoal::ring
