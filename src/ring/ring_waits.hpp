// Attempts that are repeated until one ends otherwise than by "full" or "empty".
#pragma once

#include <utility>

#include "ring/ring.hpp"

namespace shoal::ring {

/// How long a put that finds no room leaves busy consumers to make some before it takes more
/// memory, which is fresh and slow: once for each doubling, and too short to be called blocking.
constexpr auto kBeforeGrowing = std::chrono::milliseconds(5);

/// `attempt` takes a Patience and returns a Put; where that is kFull, an item of so many `bytes`
/// was to be put. False where the deadline passed.
template <class Attempt>
bool Ring::put_until(os::Deadline deadline, const std::uint64_t& bytes, const Attempt& attempt) {
  using Growth = Patience::Room;
  Patience patience{.room = deadline.is_now() ? Growth::kGrow : Growth::kLeaveToConsumers,
                    .deadline = deadline};
  shm::PassOn pass_on(words_.not_full, [&] { return has_room(bytes); });
  for (;;) {
    const Put result = attempt(patience);
    if (result == Put::kDone) return true;
    if (result == Put::kBusy) return false;
    if (result == Put::kShut) throw_shut();
    if (result == Put::kHeld) {
      if (deadline.passed()) return false;
      if (std::exchange(pass_on.owed, false) && has_room(bytes))
        shm::Parking(words_.not_full).notify();
      hold_.wait_for_room(deadline);
      continue;
    }
    const bool growing = result == Put::kNoRoom;
    const auto until = growing ? os::Deadline::after(kBeforeGrowing) : deadline;
    const auto ready = [&, growing] { return growing ? half_free() : has_room(bytes); };
    const auto outcome =
        shm::Parking(words_.not_full).wait(bounds_, until, put_spin_, ready, ready);
    if (outcome == shm::Slept::kReadyLate) pass_on.owed = true;
    patience.room = growing ? Growth::kGrow : Growth::kLeaveToConsumers;
    if (!growing && outcome == shm::Slept::kTimedOut) return false;
  }
}

/// `attempt` returns a Get. kEmpty where the deadline passed.
template <class Attempt>
Get Ring::get_until(os::Deadline deadline, const Attempt& attempt) {
  const auto ready = [this] { return has_any(); };
  const auto several = [this] {
    const Position from = head();  // before the tail, which is then not behind it
    return items_between(from, tail()) > 1;
  };
  const auto look = [this] {
    if (!has_any()) give_back();
    return finds_any();
  };
  shm::PassOn pass_on(words_.not_empty, ready);
  for (;;) {
    const Get result = attempt();
    if (result == Get::kShut) throw_shut();
    if (result != Get::kEmpty) return result;
    if (!deadline.is_now() && pace_.let_some_come(ready, several)) continue;
    const auto outcome =
        shm::Parking(words_.not_empty).wait(bounds_, deadline, get_spin_, ready, look);
    if (outcome == shm::Slept::kReadyLate) pass_on.owed = true;
    if (outcome == shm::Slept::kTimedOut) return Get::kEmpty;
  }
}

}  // namespace shoal::ring
