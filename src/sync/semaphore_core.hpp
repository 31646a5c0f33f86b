// What a handle of a public Semaphore shares.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "shm/parking.hpp"
#include "sync/place.hpp"

namespace shoal::sync {

/// Bits of SlotHead::options of a semaphore.
constexpr std::uint32_t kBounded = 1;
constexpr std::uint32_t kTracked = 2;
/// As in Python: SEM_VALUE_MAX.
constexpr std::uint64_t kMostPermits = 0x7fffffff;

/// A count of permits. Thread, process and fork safe.
///
/// Plain: one word, changed by one compare-and-swap. Killed after it, before the wake-up: the
/// bounded wait covers it. A dead holder's permits stay taken, as nobody knows that it had them.
/// Tracked: each permit is an owner word; see TrackedSemaphoreCore.
class SemaphoreCore {
 public:
  struct Options {
    std::uint64_t value = 1;
    bool bounded = false;
    bool tracked = false;
  };
  /// Throws std::invalid_argument for a value that will not do.
  static std::shared_ptr<SemaphoreCore> create(const Options& options);
  static std::shared_ptr<SemaphoreCore> create(const Options& options, const std::string& name);
  static std::shared_ptr<SemaphoreCore> open(const std::string& name);
  static std::shared_ptr<SemaphoreCore> attach(os::Fd file, bool in_slab, std::uint64_t offset);

  virtual ~SemaphoreCore() = default;
  SemaphoreCore(const SemaphoreCore&) = delete;
  SemaphoreCore& operator=(const SemaphoreCore&) = delete;

  /// False when the deadline passed, or a stop was asked for. Throws Interrupted.
  bool acquire(os::Deadline deadline, const std::stop_token* stop = nullptr);
  /// Takes one if there is one, without looking for the dead.
  virtual bool try_acquire_free() = 0;
  /// Gives `count` permits back. Throws NotHeldError where there would be too many: then it gave
  /// none. A plain one's is async-signal-safe as long as it does not throw.
  virtual void release(std::uint64_t count) = 0;
  [[nodiscard]] virtual std::uint64_t value() const noexcept = 0;

  [[nodiscard]] bool bounded() const noexcept { return (options_ & kBounded) != 0; }
  [[nodiscard]] bool tracked() const noexcept { return (options_ & kTracked) != 0; }
  /// The value it was made with, where it is bounded; else kMostPermits.
  [[nodiscard]] virtual std::uint64_t most() const noexcept = 0;
  [[nodiscard]] const Place& place() const noexcept { return place_; }
  [[nodiscard]] virtual shm::ParkingWords& parking() const noexcept = 0;
  [[nodiscard]] std::string label() const { return place_.label(); }

 protected:
  explicit SemaphoreCore(Place place);
  /// Takes one that a dead process held.
  virtual bool take_from_dead() { return false; }
  [[noreturn]] void throw_too_many() const;

 private:
  static std::shared_ptr<SemaphoreCore> at(Place place);

  Place place_;
  std::uint32_t options_;
  shm::Spin spin_;
};

}  // namespace shoal::sync
