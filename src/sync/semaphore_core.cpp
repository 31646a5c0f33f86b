#include "sync/semaphore_core.hpp"

#include <shoal/error.hpp>
#include <stdexcept>
#include <utility>

#include "shm/stop.hpp"
#include "sync/tracked_semaphore_core.hpp"

namespace shoal::sync {
namespace {

class PlainSemaphoreCore final : public SemaphoreCore {
 public:
  explicit PlainSemaphoreCore(Place place)
      : SemaphoreCore(std::move(place)), slot_(this->place().slot<shm::SemaphoreSlot>()) {}

  bool try_acquire_free() override {
    std::uint64_t value = slot_.value.load(std::memory_order_relaxed);
    while (value != 0) {
      if (slot_.value.compare_exchange_weak(value, value - 1, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }

  void release(std::uint64_t count) override {
    const std::uint64_t most = slot_.most.load(std::memory_order_relaxed);
    std::uint64_t value = slot_.value.load(std::memory_order_relaxed);
    do {
      if (count > most || value > most - count) throw_too_many();
    } while (!slot_.value.compare_exchange_weak(value, value + count, std::memory_order_release,
                                                std::memory_order_relaxed));
    shm::Parking(slot_.parking).notify();
  }

  std::uint64_t value() const noexcept override {
    return slot_.value.load(std::memory_order_acquire);
  }
  std::uint64_t most() const noexcept override {
    return slot_.most.load(std::memory_order_relaxed);
  }
  shm::ParkingWords& parking() const noexcept override { return slot_.parking; }

 private:
  shm::SemaphoreSlot& slot_;
};

Place::Init initial(const SemaphoreCore::Options& options) {
  return [options](std::byte* bytes) {
    auto& head = *reinterpret_cast<shm::SlotHead*>(bytes);
    head.options.store((options.bounded ? kBounded : 0) | (options.tracked ? kTracked : 0),
                       std::memory_order_relaxed);
    const std::uint64_t most = options.bounded ? options.value : kMostPermits;
    if (options.tracked) {
      TrackedSemaphoreCore::initialise(*reinterpret_cast<shm::TrackedSemaphoreSlot*>(bytes),
                                       options.value, most);
    } else {
      auto& slot = *reinterpret_cast<shm::SemaphoreSlot*>(bytes);
      slot.value.store(options.value, std::memory_order_relaxed);
      slot.most.store(most, std::memory_order_relaxed);
    }
  };
}

std::size_t size_for(const SemaphoreCore::Options& options) {
  if (options.value > kMostPermits) {
    throw std::invalid_argument("a semaphore has at most " + std::to_string(kMostPermits) +
                                " permits, not " + std::to_string(options.value));
  }
  if (!options.tracked) return sizeof(shm::SemaphoreSlot);
  if (options.value > shm::kMostTrackedPermits) {
    throw std::invalid_argument("a semaphore that tracks its holders has at most " +
                                std::to_string(shm::kMostTrackedPermits) + " permits, not " +
                                std::to_string(options.value));
  }
  return sizeof(shm::TrackedSemaphoreSlot);
}

}  // namespace

SemaphoreCore::SemaphoreCore(Place place)
    : place_(std::move(place)),
      options_(place_.slot<shm::SlotHead>().options.load(std::memory_order_relaxed)) {}

std::shared_ptr<SemaphoreCore> SemaphoreCore::at(Place place) {
  const auto options = place.slot<shm::SlotHead>().options.load(std::memory_order_relaxed);
  if ((options & kTracked) == 0) return std::make_shared<PlainSemaphoreCore>(std::move(place));
  // Its room is larger than what was asked for when it was found.
  if (place.segment().size() - place.offset() < sizeof(shm::TrackedSemaphoreSlot)) {
    place.segment().throw_damaged("a semaphore without its permits");
  }
  return std::make_shared<TrackedSemaphoreCore>(std::move(place));
}

std::shared_ptr<SemaphoreCore> SemaphoreCore::create(const Options& options) {
  return at(Place::make(shm::Kind::kSemaphore, size_for(options), initial(options)));
}
std::shared_ptr<SemaphoreCore> SemaphoreCore::create(const Options& options,
                                                     const std::string& name) {
  return at(Place::make_named(shm::Kind::kSemaphore, name, size_for(options), initial(options)));
}
std::shared_ptr<SemaphoreCore> SemaphoreCore::open(const std::string& name) {
  return at(Place::open(shm::Kind::kSemaphore, name, sizeof(shm::SemaphoreSlot)));
}
std::shared_ptr<SemaphoreCore> SemaphoreCore::attach(os::Fd file, bool in_slab,
                                                     std::uint64_t offset) {
  return at(Place::attach(shm::Kind::kSemaphore, std::move(file), in_slab, offset,
                          sizeof(shm::SemaphoreSlot)));
}

bool SemaphoreCore::acquire(os::Deadline deadline, const std::stop_token* stop) {
  static_cast<void>(place_.segment().user());
  if (try_acquire_free()) return true;
  if (deadline.is_now()) return take_from_dead();
  shm::Parking parking(this->parking());
  const shm::Stop stopping(stop, this->parking());
  // Each release wakes one: who comes out of a sleep and leaves more behind wakes the next.
  shm::PassOn pass_on(this->parking(), [this] { return value() != 0; });
  bool taken = false;
  const auto ready = [&] { return value() != 0 || stopping.requested(); };
  const auto look = [&] { return taken = take_from_dead(); };
  for (;;) {
    const auto slept = parking.wait(place_.segment().bounds(), deadline, spin_, ready, look);
    if (slept == shm::Slept::kReadyLate) pass_on.owed = true;
    if (taken || try_acquire_free()) return true;
    if (slept == shm::Slept::kTimedOut || stopping.requested()) return false;
  }
}

void SemaphoreCore::throw_too_many() const {
  throw NotHeldError("semaphore or lock released too many times: " + label() + " has its " +
                     std::to_string(most()) + " permits");
}

}  // namespace shoal::sync
