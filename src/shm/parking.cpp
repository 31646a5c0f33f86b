#include "shm/parking.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <shoal/error.hpp>
#include <shoal/wait.hpp>

#include "os/cpu.hpp"
#include "os/futex.hpp"
#include "os/task.hpp"
#include "shm/note.hpp"

namespace shoal {
namespace {
std::atomic<InterruptCheck> interrupt_check{nullptr};
}  // namespace

InterruptCheck set_interrupt_check(InterruptCheck check) noexcept {
  return interrupt_check.exchange(check);
}

namespace shm {
namespace {

// Groups of sleepers, as bits of ParkingWords::sleepers and of the futex's mask.
constexpr std::uint32_t kWatcher = 1;
constexpr std::uint32_t kOther = 2;

constexpr auto kMainThreadBound = std::chrono::milliseconds(100);

// A part of the last quarter that differs from sleeper to sleeper, so that they do not look all at
// once. The clock's last digits are random enough.
os::Nanoseconds jittered(os::Nanoseconds bound) {
  const auto part = bound.count() / 4;
  if (part <= 0) return bound;
  return bound - os::Nanoseconds(os::Clock::now().time_since_epoch().count() % part);
}

bool poll(Check ready, os::Nanoseconds budget) {
  if (ready()) return true;
  if (budget <= os::Nanoseconds::zero() || !os::can_spin()) return false;
  constexpr int kPollsBetweenClocks = 16;
  const auto end = os::Clock::now() + budget;
  do {
    for (int i = 0; i < kPollsBetweenClocks; ++i) {
      for (int pause = 0; pause < 4; ++pause) os::relax();
      if (ready()) return true;
    }
  } while (os::Clock::now() < end);
  return false;
}

}  // namespace

os::Nanoseconds Spin::budget() const noexcept {
  return os::Nanoseconds(budget_.load(std::memory_order_relaxed));
}

void Spin::paid() noexcept {
  const auto now = budget_.load(std::memory_order_relaxed);
  budget_.store(std::min(kMost, now * 2), std::memory_order_relaxed);
}

void Spin::wasted() noexcept {
  const auto now = budget_.load(std::memory_order_relaxed);
  budget_.store(std::max(kLeast, now / 2), std::memory_order_relaxed);
}

void check_interrupt() {
  if (const auto check = interrupt_check.load(); check != nullptr && check()) {
    throw Interrupted("the wait was interrupted");
  }
}

// One caller's stay in a parking: its role, and what it owes to the others when it leaves,
// whichever way it leaves.
class Parking::Stay {
 public:
  Stay(ParkingWords& words, Numbers own, const Bounds& bounds) noexcept
      : words_(words), own_(own), bounds_(bounds) {}
  Stay(const Stay&) = delete;
  Stay& operator=(const Stay&) = delete;
  ~Stay() {
    if (note_ != nullptr) {
      note_->thread.store(0, std::memory_order_relaxed);  // not for the next to have it
      note_->process.store(0, std::memory_order_release);
    }
    if (slept_) words_.sleepers.fetch_or(kWatcher | kOther, std::memory_order_relaxed);
    if (watching_) give_watch_back();
    // Who takes over the watch: one that leaves instead finds no watcher either, and wakes the
    // next.
    if (words_.watcher.load(std::memory_order_relaxed) == 0) {
      words_.sequence.fetch_add(1, std::memory_order_release);
      os::futex_wake(words_.sequence, 1, kOther);
    }
  }

  [[nodiscard]] bool slept() const noexcept { return slept_; }

  // Sleeps once, unless `ready` holds by now. Returns true when the sleep ended without a
  // wake-up, so that it is time to look for the dead.
  bool sleep(os::Deadline deadline, Check ready) {
    const std::uint32_t seen = words_.sequence.load(std::memory_order_acquire);
    if (!watching_ && !gave_watch_away_) watching_ = take_watch();
    gave_watch_away_ = false;
    if (note_ == nullptr) leave_note();
    const std::uint32_t group = watching_ ? kWatcher : kOther;
    // The wake-up of one that sleeps again has cleared both: others may sleep unseen, and go first.
    words_.sleepers.fetch_or(slept_ ? kWatcher | kOther : group, std::memory_order_seq_cst);
    os::heavy_barrier();  // pairs with the fence in notify(): one of us sees the other
    if (ready()) return false;
    const auto until = std::min(deadline.at(), os::Clock::now() + bound());
    const auto result = os::futex_wait(words_.sequence, seen, until, group | own_.mask());
    if (result != os::FutexResult::kChanged) slept_ = true;
    woken_ = result == os::FutexResult::kWoken;
    if (watching_ && result == os::FutexResult::kTimedOut) rotate_watch(seen);
    return result == os::FutexResult::kTimedOut || result == os::FutexResult::kInterrupted;
  }

  // A wake-up that this caller leaves unused goes to another. One that was meant for this caller
  // is for nobody else: what it was about is the affair of who gave out the numbers.
  void pass_on() noexcept {
    if (!woken_ || own_.mask() != 0) return;
    words_.sleepers.fetch_or(kWatcher | kOther, std::memory_order_relaxed);
    Parking(words_).wake_one();
  }

 private:
  // In a free place, else in that of one who died, of which one is looked at: looking takes time.
  void leave_note() {
    if (noted_) return;
    noted_ = true;
    const os::TaskWord self = os::self();
    for (auto& note : words_.notes) {
      if (take_note(note, 0, self)) return;
    }
    auto& some =
        words_.notes[words_.sequence.load(std::memory_order_relaxed) % words_.notes.size()];
    const os::TaskWord there = some.process.load(std::memory_order_relaxed);
    if (there != 0 && there != self && os::is_dead(there)) take_note(some, there, self);
  }

  bool take_note(Note& note, os::TaskWord expected, os::TaskWord self) noexcept {
    if (!note.process.compare_exchange_strong(expected, self, std::memory_order_acquire)) {
      return false;
    }
    note.thread.store(thread_and_time(self), std::memory_order_release);
    note_ = &note;
    return true;
  }

  bool take_watch() {
    std::uint64_t watcher = words_.watcher.load(std::memory_order_relaxed);
    // One that died while nobody else slept stays in the word until somebody looks. One that was
    // stopped does not look.
    if (watcher != 0 && !os::is_dead(watcher) && !os::is_stopped(watcher)) return false;
    return words_.watcher.compare_exchange_strong(watcher, os::self(), std::memory_order_acq_rel);
  }

  // Another has it by now, where this process was stopped in between.
  void give_watch_back() noexcept {
    std::uint64_t self = os::self();
    words_.watcher.compare_exchange_strong(self, 0, std::memory_order_release);
  }

  // Wake-ups go to the others first, so where there is traffic a watcher would starve: at its
  // bound it hands the watch to one of them, if one sleeps.
  void rotate_watch(std::uint32_t seen) noexcept {
    if (words_.sequence.load(std::memory_order_relaxed) == seen) return;
    give_watch_back();
    words_.sequence.fetch_add(1, std::memory_order_release);
    gave_watch_away_ = os::futex_wake(words_.sequence, 1, kOther) > 0;
    watching_ = false;  // and takes it back at once where nobody was there
  }

  [[nodiscard]] os::Nanoseconds bound() const {
    const auto own = watching_ ? bounds_.watch : jittered(bounds_.sleep);
    const bool asked =
        interrupt_check.load(std::memory_order_relaxed) != nullptr && os::is_main_thread();
    return asked ? std::min<os::Nanoseconds>(own, kMainThreadBound) : own;
  }

  ParkingWords& words_;
  const Numbers own_;
  const Bounds& bounds_;
  Note* note_ = nullptr;
  bool noted_ = false;
  bool watching_ = false;
  bool gave_watch_away_ = false;
  bool slept_ = false;
  bool woken_ = false;
};

Slept Parking::wait(const Bounds& bounds, os::Deadline deadline, Spin& spin, Check ready,
                    Check rescue) {
  if (deadline.is_now()) return ready() ? Slept::kReady : Slept::kTimedOut;
  if (poll(ready, spin.budget())) {
    spin.paid();
    return Slept::kReady;
  }
  spin.wasted();
  Stay stay(words_, own_, bounds);
  try {
    for (;;) {
      const bool look = stay.sleep(deadline, ready);
      if (ready() || (look && rescue())) return stay.slept() ? Slept::kReadyLate : Slept::kReady;
      if (look) check_interrupt();
      if (deadline.passed()) break;
    }
  } catch (...) {
    stay.pass_on();
    throw;
  }
  stay.pass_on();
  return Slept::kTimedOut;
}

void Parking::wake_one() noexcept {
  const std::uint32_t sleepers = words_.sleepers.exchange(0, std::memory_order_seq_cst);
  if (sleepers == 0) return;  // another has it in hand
  words_.sequence.fetch_add(1, std::memory_order_release);
  if ((sleepers & kOther) != 0 && os::futex_wake(words_.sequence, 1, kOther) > 0) return;
  os::futex_wake(words_.sequence, 1, kWatcher);
}

// The hint stays: others may sleep on.
void Parking::wake_these(Numbers numbers) noexcept {
  if (!has_sleepers()) return;
  words_.sequence.fetch_add(1, std::memory_order_release);
  os::futex_wake(words_.sequence, std::numeric_limits<int>::max(), numbers.mask());
}

void Parking::notify_all() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (words_.sleepers.exchange(0, std::memory_order_seq_cst) == 0) return;
  words_.sequence.fetch_add(1, std::memory_order_release);
  os::futex_wake(words_.sequence, std::numeric_limits<int>::max(), kWatcher | kOther);
}

}  // namespace shm
}  // namespace shoal
