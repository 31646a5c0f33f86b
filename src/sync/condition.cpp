#include <limits>
#include <shoal/condition.hpp>
#include <shoal/error.hpp>
#include <utility>

#include "sync/condition_core.hpp"
#include "sync/waiters.hpp"

namespace shoal {
namespace {

using sync::ConditionCore;

void take_again(ConditionCore& core, const ConditionCore::Stay& stay) {
  try {
    core.reacquire(stay);
  } catch (...) {
    sync::LockCore::lost_in_wait();
    throw;
  }
}

bool wait(ConditionCore& core, os::Deadline deadline, const std::stop_token* stop) {
  const auto stay = core.begin();
  try {
    core.sleep(stay, deadline, stop);
  } catch (...) {
    core.leave_interrupted(stay);
    take_again(core, stay);
    throw;
  }
  try {
    take_again(core, stay);
  } catch (...) {
    core.leave_interrupted(stay);
    throw;
  }
  return core.leave(stay);
}

}  // namespace

Condition::Condition() : core_(ConditionCore::create(std::shared_ptr<sync::LockCore>())) {}
Condition::Condition(const Lock& lock) : core_(ConditionCore::create(lock.core())) {}
Condition::Condition(const RLock& lock) : core_(ConditionCore::create(lock.core())) {}
Condition::Condition(const std::string& name) : core_(ConditionCore::create(name)) {}
Condition::Condition(std::shared_ptr<ConditionCore> core) noexcept : core_(std::move(core)) {}
Condition Condition::open(const std::string& name) { return Condition(ConditionCore::open(name)); }
void Condition::unlink(const std::string& name) {
  shm::Segment::unlink(shm::Kind::kCondition, name);
}

Acquired Condition::acquire() { return RLock(core_->lock()).acquire(); }
Acquired Condition::try_acquire() { return RLock(core_->lock()).try_acquire(); }
Acquired Condition::acquire_for(std::chrono::nanoseconds timeout) {
  return RLock(core_->lock()).acquire_for(timeout);
}
void Condition::release() { core_->lock()->release(); }
void Condition::unlock() { core_->lock()->leave_guard(); }

void Condition::wait() { shoal::wait(*core_, os::Deadline::never(), nullptr); }
bool Condition::wait(const std::stop_token& stop) {
  return shoal::wait(*core_, os::Deadline::never(), &stop);
}
bool Condition::wait_within(std::chrono::nanoseconds timeout) {
  return shoal::wait(*core_, os::Deadline::after(timeout), nullptr);
}
void Condition::notify(std::size_t count) { core_->notify(count); }
void Condition::notify_all() { core_->notify(std::numeric_limits<std::size_t>::max()); }
std::size_t Condition::waiting() const { return core_->waiting(); }
Waiters Condition::waiters() const { return core_->waiters(); }
std::string Condition::name() const { return core_->place().name(); }

bool operator==(const Condition& a, const Condition& b) {
  return a.core_->place() == b.core_->place();
}

}  // namespace shoal
