#include "sync/seats.hpp"

#include <algorithm>
#include <array>
#include <shoal/error.hpp>
#include <vector>

#include "os/task.hpp"
#include "shm/note.hpp"
#include "shm/stop.hpp"
#include "sync/waiters.hpp"

namespace shoal::sync {
std::size_t Seats::used() const noexcept {
  return std::min<std::size_t>(words_.used.load(std::memory_order_acquire), shm::kSeats);
}

std::size_t Seats::count(State state) const noexcept {
  const auto end = words_.seats.begin() + static_cast<std::ptrdiff_t>(used());
  return static_cast<std::size_t>(
      std::count_if(words_.seats.begin(), end, [state](const shm::Seat& seat) {
        return state_of(seat.state.load(std::memory_order_acquire)) == state;
      }));
}

Waiters Seats::waiters() const {
  Waiters all;
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    const auto& seat = words_.seats[i];
    if (state(i) != State::kWaits) continue;
    const shm::Noted noted = shm::read(seat.process, seat.thread);
    if (noted.process != 0 && !os::is_dead(noted.process)) all.push_back(to_holder(noted));
  }
  return all;
}

bool Seats::take(std::size_t index, os::TaskWord expected, os::TaskWord self) noexcept {
  auto& seat = words_.seats[index];
  if (!seat.process.compare_exchange_strong(expected, self, std::memory_order_acquire)) {
    return false;
  }
  auto end = words_.used.load(std::memory_order_relaxed);
  while (end <= index && !words_.used.compare_exchange_weak(end, index + 1)) {
  }
  seat.thread.store(shm::thread_and_time(self), std::memory_order_relaxed);
  seat.ticket.store(words_.next_ticket.fetch_add(1, std::memory_order_acq_rel),
                    std::memory_order_relaxed);
  const std::uint32_t before = seat.state.load(std::memory_order_relaxed);
  seat.state.store(with(before + kStateMask + 1, State::kWaits),
                   std::memory_order_release);  // from here on it is seen
  return true;
}

std::size_t Seats::sit() {
  const os::TaskWord self = segment_.user();
  for (std::size_t i = 0; i < shm::kSeats; ++i) {
    if (words_.seats[i].process.load(std::memory_order_relaxed) == 0 && take(i, 0, self)) return i;
  }
  for (std::size_t i = 0; i < shm::kSeats; ++i) {
    auto& seat = words_.seats[i];
    const std::uint32_t seen = seat.state.load(std::memory_order_acquire);
    const os::TaskWord owner = seat.process.load(std::memory_order_acquire);
    if (owner == 0 || !os::is_dead(owner)) continue;
    give_up_for_dead(i, owner, seen);
    if (take(i, 0, self)) return i;
  }
  throw OutOfMemory(segment_.label() + ": " + std::to_string(shm::kSeats) +
                    " wait already, and there is no room for more");
}

// A call that the dead had in vain goes to another first: killed in between, that is done twice.
// `seen` was read before `owner` was found dead: where it has changed since, the owner had left,
// and ended for a reason of its own.
void Seats::give_up_for_dead(std::size_t index, os::TaskWord owner, std::uint32_t seen) {
  auto& seat = words_.seats[index];
  if (seat.state.load(std::memory_order_acquire) != seen) return;
  if (state_of(seen) == State::kCalled) {
    shm::Numbers woken;
    call_another(seat.horizon.load(std::memory_order_relaxed), woken);
    shm::Parking(words_.parking).wake_these(woken);
  }
  if (change(seat, seen, State::kNone)) {
    seat.process.compare_exchange_strong(owner, 0, std::memory_order_release);
  }
}

void Seats::wait(std::size_t seat, const shm::Bounds& bounds, os::Deadline deadline,
                 shm::Spin& spin, const std::stop_token* stop, shm::Check rescue) {
  const shm::Stop stopping(stop, words_.parking);
  const auto ready = [&] { return state(seat) != State::kWaits || stopping.requested(); };
  const auto look = [&] { return rescue() || ready(); };
  shm::Parking(words_.parking, seat).wait(bounds, deadline, spin, ready, look);
}

Seats::State Seats::leave(std::size_t index) noexcept {
  auto& seat = words_.seats[index];
  const auto before = seat.state.fetch_and(~kStateMask, std::memory_order_acq_rel);
  seat.process.store(0, std::memory_order_release);
  return state_of(before);
}

// The call goes to another before it is given up here, as with the dead. The other way round, one
// killed in between would take it along.
void Seats::leave_uncalled(std::size_t index) {
  auto& seat = words_.seats[index];
  for (;;) {
    const std::uint32_t seen = seat.state.load(std::memory_order_acquire);
    if (state_of(seen) == State::kCalled) {
      shm::Numbers woken;
      call_another(next_ticket(), woken);
      shm::Parking(words_.parking).wake_these(woken);
    }
    if (change(seat, seen, State::kNone)) break;  // else it is called in this very moment
  }
  seat.process.store(0, std::memory_order_release);
}

bool Seats::call_one(std::size_t index, std::uint32_t seen) noexcept {
  auto& seat = words_.seats[index];
  seat.horizon.store(next_ticket(), std::memory_order_relaxed);
  return change(seat, seen, State::kCalled);
}

void Seats::call(std::size_t count) {
  struct Candidate {
    bool watches;
    std::uint64_t ticket;
    std::size_t index;
    std::uint32_t seen;
    auto operator<=>(const Candidate&) const = default;
  };
  std::vector<Candidate> waiting;
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    const auto& seat = words_.seats[i];
    const std::uint32_t seen = seat.state.load(std::memory_order_acquire);
    if (state_of(seen) != State::kWaits) continue;
    waiting.push_back({is_watcher(seat), seat.ticket.load(std::memory_order_relaxed), i, seen});
  }
  if (count < waiting.size()) std::sort(waiting.begin(), waiting.end());
  shm::Numbers called;
  std::size_t calls = 0;
  for (const auto& candidate : waiting) {
    if (calls == count) break;
    if (!call_one(candidate.index, candidate.seen)) continue;  // it left, or died and was found
    called.add(candidate.index);
    ++calls;
  }
  if (calls == waiting.size()) {
    if (calls != 0) wake_all();
  } else {
    shm::Parking(words_.parking).wake_these(called);
  }
}

void Seats::mark_all(State state, std::uint64_t end_ticket) noexcept {
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    auto& seat = words_.seats[i];
    const std::uint32_t seen = seat.state.load(std::memory_order_acquire);
    if (state_of(seen) == State::kWaits &&
        seat.ticket.load(std::memory_order_relaxed) < end_ticket) {
      change(seat, seen, state);
    }
  }
}

void Seats::number_all() noexcept {
  struct Waiting {
    std::uint64_t ticket;
    std::size_t index;
    auto operator<=>(const Waiting&) const = default;
  };
  std::array<Waiting, shm::kSeats> all;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  std::size_t count = 0;
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    if (state(i) != State::kWaits) continue;
    all[count++] = {words_.seats[i].ticket.load(std::memory_order_relaxed), i};
  }
  std::sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    words_.seats[all[i].index].horizon.store(i, std::memory_order_relaxed);
  }
}

void Seats::look_after_called() {
  if (watcher() != os::self()) return;
  shm::Numbers woken;
  const std::size_t end = used();
  for (std::size_t i = 0; i < end; ++i) {
    auto& seat = words_.seats[i];
    const std::uint32_t seen = seat.state.load(std::memory_order_acquire);
    if (state_of(seen) != State::kCalled) continue;
    const os::TaskWord owner = seat.process.load(std::memory_order_acquire);
    if (owner != 0 && os::is_dead(owner)) {
      give_up_for_dead(i, owner, seen);
    } else {
      woken.add(i);  // in case that who called died before the wake-up
    }
  }
  if (woken.mask() != 0) shm::Parking(words_.parking).wake_these(woken);
}

void Seats::call_another(std::uint64_t horizon, shm::Numbers& woken) {
  for (;;) {
    std::size_t oldest = shm::kSeats;
    std::uint64_t ticket = horizon;
    std::uint32_t its_state = 0;
    const std::size_t end = used();
    for (std::size_t i = 0; i < end; ++i) {
      const auto& seat = words_.seats[i];
      const std::uint32_t seen = seat.state.load(std::memory_order_acquire);
      if (state_of(seen) != State::kWaits) continue;
      const auto its = seat.ticket.load(std::memory_order_relaxed);
      if (its < ticket && !os::is_dead(seat.process.load(std::memory_order_relaxed))) {
        ticket = its;
        oldest = i;
        its_state = seen;
      }
    }
    if (oldest == shm::kSeats) return;
    if (!call_one(oldest, its_state)) continue;
    woken.add(oldest);
    return;
  }
}

Seats::Dead Seats::find_dead(os::Nanoseconds waited_for) const {
  const os::Nanoseconds latest = os::coarse_now() - waited_for;
  const std::size_t end = used();
  os::TaskWord alive = os::self();
  for (std::size_t i = 0; i < end; ++i) {
    const auto& seat = words_.seats[i];
    if (state(i) != State::kWaits) continue;
    const os::TaskWord owner = seat.process.load(std::memory_order_acquire);
    if (owner == 0 || owner == alive) continue;
    if (shm::read(seat.process, seat.thread).since > latest) continue;
    if (os::is_dead(owner)) return {i, owner};
    alive = owner;  // its other threads often sit side by side
  }
  return {};
}

void Seats::free_dead(std::size_t index, os::TaskWord dead) {
  auto& seat = words_.seats[index];
  const std::uint32_t seen = seat.state.load(std::memory_order_acquire);
  if (seat.process.load(std::memory_order_acquire) == dead) give_up_for_dead(index, dead, seen);
}

}  // namespace shoal::sync
