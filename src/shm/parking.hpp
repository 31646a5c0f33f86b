// The bounded wait: every sleep in shoal happens here.
//
// A sleeper reads the sequence, says in `sleepers` that it may sleep, looks once more whether it
// has to, and sleeps on the sequence. Who makes a change looks at `sleepers` afterwards and, where
// it is not zero, clears it, moves the sequence and wakes one. The look after the change is a
// plain load, as this is the fast path: the sleeper pays for both with heavy_barrier().
//
// Death. A wake-up can be lost in three places: its sender is killed between the change and the
// wake-up, or between clearing `sleepers` and the wake-up; the one woken is killed before it acts.
// So no sleep is unbounded. One sleeper of each parking, the watcher, looks again every
// watch_bound (25 ms) and the others every sleep_bound (1 s, with jitter), so that a thousand
// sleepers cost nothing. Wake-ups go to the others first: then whoever swallows one by dying is
// not the watcher, and the watcher finds out. A dead watcher is replaced by the first of the
// others that looks; only a second death within its second can last that long.
//
// `sleepers` heals itself: who has slept sets both groups again as it leaves, because others may
// sleep too; the next wake-up clears them, and finds nobody when nobody was left.
//
// Where it matters who is woken, each sleeper has a number, and who wakes names numbers: see
// Parking::wake_these(). A parking is used in one of the two ways.
//
// Sleepers also leave a note of who they are, for those who look from outside.
#pragma once

#include <cstdint>
#include <functional>
#include <type_traits>

#include "os/clock.hpp"
#include "shm/layout.hpp"

namespace shoal::shm {

/// The longest sleeps of a segment.
struct Bounds {
  os::Nanoseconds watch;
  os::Nanoseconds sleep;
};

/// How long to poll before sleeping: doubled when polling paid, halved when it did not. One per
/// handle and process; threads share it without harm.
class Spin {
 public:
  [[nodiscard]] os::Nanoseconds budget() const noexcept;
  void paid() noexcept;
  void wasted() noexcept;

 private:
  static constexpr std::uint32_t kMost = 50'000;
  static constexpr std::uint32_t kLeast = 1'000;
  std::atomic<std::uint32_t> budget_{20'000};
};

/// A callable passed by reference: lives no longer than the call it is passed to.
class Check {
 public:
  template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Check>)
  Check(F&& f) noexcept  // NOLINT: implicit on purpose, and f outlives the full expression
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object) -> bool {
          return (*static_cast<std::remove_reference_t<F>*>(object))();
        }) {}
  bool operator()() const { return call_(object_); }

 private:
  void* object_;
  bool (*call_)(void*);
};

enum class Slept : std::uint8_t {
  kReady,      ///< `ready` or `rescue` said so
  kReadyLate,  ///< the same, after a sleep: others may sleep for the same thing
  kTimedOut,
};

/// Sleepers that are woken by their number. Numbers that differ by a multiple of kClasses are woken
/// together.
class Numbers {
 public:
  static constexpr std::size_t kClasses = 30;
  constexpr Numbers() noexcept = default;
  constexpr void add(std::size_t number) noexcept { mask_ |= 1U << (number % kClasses + 2); }
  [[nodiscard]] constexpr std::uint32_t mask() const noexcept { return mask_; }

 private:
  std::uint32_t mask_ = 0;
};

/// Operations on ParkingWords. Thread and process safe.
class Parking {
 public:
  explicit Parking(ParkingWords& words) noexcept : words_(words) {}
  /// As the sleeper of that number.
  Parking(ParkingWords& words, std::size_t number) noexcept : words_(words) { own_.add(number); }

  /// Returns when `ready` holds, or the deadline has passed. `ready` must be cheap and without
  /// effect. `rescue` runs when a sleep has reached its bound: it looks whether an owner has died
  /// and returns true when the caller should try again. Throws Interrupted (wait.hpp), or what
  /// the interrupt check throws; no wake-up is lost by that.
  Slept wait(const Bounds& bounds, os::Deadline deadline, Spin& spin, Check ready, Check rescue);

  /// Wakes one sleeper, if there may be one. To be called after the change it should see.
  void notify() noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);  // pairs with heavy_barrier() in wait()
    if (words_.sleepers.load(std::memory_order_relaxed) != 0) [[unlikely]]
      wake_one();
  }

  /// Wakes all sleepers. Async-signal-safe.
  void notify_all() noexcept;

  /// Wakes the sleepers of these numbers, if anybody may be asleep.
  void wake_these(Numbers numbers) noexcept;
  /// Where sleepers have numbers: none sleeps any more, so that the next wake-up costs nothing.
  /// Under a lock that keeps others from coming.
  void none_sleeps() noexcept { words_.sleepers.store(0, std::memory_order_relaxed); }

  /// True when somebody may be asleep.
  [[nodiscard]] bool has_sleepers() const noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return words_.sleepers.load(std::memory_order_relaxed) != 0;
  }

 private:
  class Stay;
  void wake_one() noexcept;
  ParkingWords& words_;
  Numbers own_;
};

/// One wake-up is in flight at a time: who got it and slept for it (`owed`) passes it on when there
/// is more, whichever way it leaves.
template <class More>
struct PassOn {
  PassOn(ParkingWords& parking, More is_more) noexcept : words(parking), more(is_more) {}
  PassOn(const PassOn&) = delete;
  PassOn& operator=(const PassOn&) = delete;
  ~PassOn() {
    if (!owed) return;
    try {
      if (more()) Parking(words).notify();
    } catch (...) {  // NOLINT(bugprone-empty-catch): a damaged object, as its next user will say
    }
  }
  ParkingWords& words;
  More more;
  bool owed = false;
};

/// Asks the interrupt check of this process (wait.hpp) and throws Interrupted where it says so.
void check_interrupt();

}  // namespace shoal::shm
