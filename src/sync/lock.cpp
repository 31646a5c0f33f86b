#include <shoal/lock.hpp>
#include <utility>

#include "sync/lock_core.hpp"
#include "sync/waiters.hpp"

namespace shoal {
namespace {

using sync::LockCore;

Acquired told(sync::Taken taken) {
  switch (taken) {
    case sync::Taken::kFree: return Acquired::Value::kYes;
    case sync::Taken::kFromDead: return Acquired::Value::kFromDead;
    case sync::Taken::kNo:
    case sync::Taken::kLeftToDead: break;
  }
  return Acquired::Value::kNo;
}

std::shared_ptr<LockCore> make(LockCore::Type type, const LockOptions& options) {
  const std::uint32_t bits =
      options.on_owner_death == OnOwnerDeath::kThrow ? sync::kRaiseOnOwnerDeath : 0;
  return options.name.empty() ? LockCore::create(type, bits)
                              : LockCore::create(type, options.name, bits);
}

}  // namespace

LockBase::LockBase(std::shared_ptr<LockCore> core) noexcept : core_(std::move(core)) {}

Acquired LockBase::acquire() { return told(core_->acquire(os::Deadline::never())); }
Acquired LockBase::acquire(const std::stop_token& stop) {
  return told(core_->acquire(os::Deadline::never(), &stop));
}
Acquired LockBase::try_acquire() { return told(core_->acquire(os::Deadline::now())); }
Acquired LockBase::acquire_for(std::chrono::nanoseconds timeout) {
  return told(core_->acquire(os::Deadline::after(timeout)));
}

// Kept: who gets the lock may drop the last handle before release() has returned.
void LockBase::give_up() {
  const auto keep = core_;
  keep->release();
}

void LockBase::unlock() {
  const auto keep = core_;
  keep->leave_guard();
}

bool LockBase::locked() const { return core_->owner() != 0; }
std::optional<int> LockBase::owner() const {
  const auto who = holder();
  if (!who) return std::nullopt;
  return who->pid;
}
std::optional<Holder> LockBase::holder() const {
  const shm::Noted noted = core_->holder();
  if (noted.process == 0) return std::nullopt;
  return sync::to_holder(noted);
}
Waiters LockBase::waiters() const { return sync::waiters_of(core_->parking()); }
std::string LockBase::name() const { return core_->place().name(); }

bool is_same(const LockBase& a, const LockBase& b) { return a.core_->place() == b.core_->place(); }

Lock::Lock() : Lock(LockOptions()) {}
Lock::Lock(const std::string& name) : LockBase(LockCore::create(LockCore::Type::kLock, name)) {}
Lock::Lock(const LockOptions& options) : LockBase(make(LockCore::Type::kLock, options)) {}
Lock Lock::open(const std::string& name) {
  return Lock(LockCore::open(LockCore::Type::kLock, name));
}
void Lock::unlink(const std::string& name) { shm::Segment::unlink(shm::Kind::kLock, name); }

RLock::RLock() : RLock(LockOptions()) {}
RLock::RLock(const std::string& name) : LockBase(LockCore::create(LockCore::Type::kRLock, name)) {}
RLock::RLock(const LockOptions& options) : LockBase(make(LockCore::Type::kRLock, options)) {}
RLock RLock::open(const std::string& name) {
  return RLock(LockCore::open(LockCore::Type::kRLock, name));
}
void RLock::unlink(const std::string& name) { shm::Segment::unlink(shm::Kind::kRLock, name); }
unsigned RLock::depth() const { return core()->depth(); }

}  // namespace shoal
