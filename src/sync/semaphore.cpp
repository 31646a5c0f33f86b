#include <shoal/error.hpp>
#include <shoal/semaphore.hpp>
#include <stdexcept>
#include <utility>

#include "sync/semaphore_core.hpp"
#include "sync/waiters.hpp"

namespace shoal {
namespace {

using sync::SemaphoreCore;

std::shared_ptr<SemaphoreCore> make(const SemaphoreOptions& options, bool bounded) {
  if (options.value < 0) {
    throw std::invalid_argument("a semaphore cannot have " + std::to_string(options.value) +
                                " permits");
  }
  const SemaphoreCore::Options wanted{.value = static_cast<std::uint64_t>(options.value),
                                      .bounded = bounded,
                                      .tracked = options.track_holders};
  return options.name.empty() ? SemaphoreCore::create(wanted)
                              : SemaphoreCore::create(wanted, options.name);
}

}  // namespace

Semaphore::Semaphore(const SemaphoreOptions& options, bool bounded)
    : core_(make(options, bounded)) {}
Semaphore::Semaphore(std::shared_ptr<SemaphoreCore> core) noexcept : core_(std::move(core)) {}
Semaphore Semaphore::open(const std::string& name) { return Semaphore(SemaphoreCore::open(name)); }
void Semaphore::unlink(const std::string& name) {
  shm::Segment::unlink(shm::Kind::kSemaphore, name);
}

void Semaphore::acquire() { static_cast<void>(core_->acquire(os::Deadline::never())); }
bool Semaphore::acquire(const std::stop_token& stop) {
  return core_->acquire(os::Deadline::never(), &stop);
}
bool Semaphore::try_acquire() { return core_->acquire(os::Deadline::now()); }
bool Semaphore::acquire_within(std::chrono::nanoseconds timeout) {
  return core_->acquire(os::Deadline::after(timeout));
}

void Semaphore::release(std::ptrdiff_t count) {
  if (count < 0) throw std::invalid_argument("a negative number of permits cannot be released");
  const auto keep = core_;  // who gets a permit may drop the last handle before this returns
  keep->release(static_cast<std::uint64_t>(count));
}
std::ptrdiff_t Semaphore::value() const { return static_cast<std::ptrdiff_t>(core_->value()); }
Waiters Semaphore::waiters() const { return sync::waiters_of(core_->parking()); }
std::string Semaphore::name() const { return core_->place().name(); }

bool operator==(const Semaphore& a, const Semaphore& b) {
  return a.core_->place() == b.core_->place();
}

BoundedSemaphore::BoundedSemaphore(std::shared_ptr<SemaphoreCore> core)
    : Semaphore(std::move(core)) {
  if (!this->core()->bounded()) {
    throw WrongKind(this->core()->label() + " is not bounded, a bounded one was asked for");
  }
}
BoundedSemaphore BoundedSemaphore::open(const std::string& name) {
  return BoundedSemaphore(SemaphoreCore::open(name));
}

}  // namespace shoal
