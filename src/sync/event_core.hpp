// What a handle of a public Event shares.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "shm/parking.hpp"
#include "sync/place.hpp"

namespace shoal::sync {

/// A flag and a count of how often it was set, in one word, so that who waited when it was set goes
/// on even where it was cleared at once. Thread, process and fork safe. Death: set() is one atomic
/// operation and a wake-up; killed in between, the watcher of those who wait sees the flag, and
/// each that leaves wakes the next (parking.hpp). Nobody waits for who was woken.
class EventCore {
 public:
  static std::shared_ptr<EventCore> create();
  static std::shared_ptr<EventCore> create(const std::string& name);
  static std::shared_ptr<EventCore> open(const std::string& name);
  static std::shared_ptr<EventCore> attach(os::Fd file, bool in_slab, std::uint64_t offset);
  explicit EventCore(Place place);

  [[nodiscard]] bool is_set() const noexcept {
    return (slot_.state.load(std::memory_order_acquire) & kSet) != 0;
  }
  /// Async-signal-safe.
  void set() noexcept;
  void clear() noexcept;
  /// True when it is set, or was meanwhile. Throws Interrupted.
  bool wait(os::Deadline deadline, const std::stop_token* stop = nullptr);

  [[nodiscard]] const Place& place() const noexcept { return place_; }
  [[nodiscard]] shm::ParkingWords& parking() const noexcept { return slot_.parking; }
  [[nodiscard]] std::string label() const { return place_.label(); }

 private:
  static constexpr std::uint64_t kSet = 1;

  Place place_;
  shm::EventSlot& slot_;
  shm::Spin spin_;
};

}  // namespace shoal::sync
