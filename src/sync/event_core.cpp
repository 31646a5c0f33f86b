#include "sync/event_core.hpp"

#include <cerrno>
#include <utility>

#include "shm/stop.hpp"

namespace shoal::sync {

EventCore::EventCore(Place place)
    : place_(std::move(place)), slot_(place_.slot<shm::EventSlot>()) {}

std::shared_ptr<EventCore> EventCore::create() {
  return std::make_shared<EventCore>(Place::make(shm::Kind::kEvent, sizeof(shm::EventSlot)));
}
std::shared_ptr<EventCore> EventCore::create(const std::string& name) {
  return std::make_shared<EventCore>(
      Place::make_named(shm::Kind::kEvent, name, sizeof(shm::EventSlot)));
}
std::shared_ptr<EventCore> EventCore::open(const std::string& name) {
  return std::make_shared<EventCore>(Place::open(shm::Kind::kEvent, name, sizeof(shm::EventSlot)));
}
std::shared_ptr<EventCore> EventCore::attach(os::Fd file, bool in_slab, std::uint64_t offset) {
  return std::make_shared<EventCore>(
      Place::attach(shm::Kind::kEvent, std::move(file), in_slab, offset, sizeof(shm::EventSlot)));
}

void EventCore::set() noexcept {
  const int before = errno;  // a signal handler must leave it
  std::uint64_t state = slot_.state.load(std::memory_order_relaxed);
  do {
    if ((state & kSet) != 0) break;  // and wake all the same: who set it may have died before
  } while (!slot_.state.compare_exchange_weak(state, (state | kSet) + 2, std::memory_order_release,
                                              std::memory_order_relaxed));
  shm::Parking(slot_.parking).notify_all();
  errno = before;
}

void EventCore::clear() noexcept { slot_.state.fetch_and(~kSet, std::memory_order_acq_rel); }

bool EventCore::wait(os::Deadline deadline, const std::stop_token* stop) {
  static_cast<void>(place_.segment().user());
  const std::uint64_t before = slot_.state.load(std::memory_order_acquire);
  if ((before & kSet) != 0) return true;
  if (deadline.is_now()) return false;
  const shm::Stop stopping(stop, slot_.parking);
  const auto was_set = [&] { return slot_.state.load(std::memory_order_acquire) != before; };
  const auto ready = [&] { return was_set() || stopping.requested(); };
  shm::Parking(slot_.parking).wait(place_.segment().bounds(), deadline, spin_, ready, ready);
  return was_set();
}

}  // namespace shoal::sync
