#include <shoal/event.hpp>
#include <utility>

#include "sync/event_core.hpp"
#include "sync/waiters.hpp"

namespace shoal {

using sync::EventCore;

Event::Event() : core_(EventCore::create()) {}
Event::Event(const std::string& name) : core_(EventCore::create(name)) {}
Event::Event(std::shared_ptr<EventCore> core) noexcept : core_(std::move(core)) {}
Event Event::open(const std::string& name) { return Event(EventCore::open(name)); }
void Event::unlink(const std::string& name) { shm::Segment::unlink(shm::Kind::kEvent, name); }

void Event::set() noexcept {
  const auto keep = core_;  // who wakes may drop the last handle before this returns
  keep->set();
}

void Event::clear() noexcept { core_->clear(); }
bool Event::is_set() const noexcept { return core_->is_set(); }

void Event::wait() { core_->wait(os::Deadline::never()); }
bool Event::wait(const std::stop_token& stop) { return core_->wait(os::Deadline::never(), &stop); }
bool Event::wait_within(std::chrono::nanoseconds timeout) {
  return core_->wait(os::Deadline::after(timeout));
}
Waiters Event::waiters() const { return sync::waiters_of(core_->parking()); }
std::string Event::name() const { return core_->place().name(); }

bool operator==(const Event& a, const Event& b) { return a.core_->place() == b.core_->place(); }

}  // namespace shoal
