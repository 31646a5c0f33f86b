#include <shoal/lock.hpp>
#include <utility>

#include "sync/lock_core.hpp"

namespace shoal {
namespace {

Acquired told(sync::Taken taken) {
  switch (taken) {
    case sync::Taken::kNo: return Acquired::Value::kNo;
    case sync::Taken::kFree: return Acquired::Value::kYes;
    case sync::Taken::kFromDead: return Acquired::Value::kFromDead;
  }
  return Acquired::Value::kNo;
}

}  // namespace

Lock::Lock() : core_(sync::LockCore::create()) {}
Lock::Lock(const std::string& name) : core_(sync::LockCore::create(name)) {}
Lock::Lock(std::shared_ptr<sync::LockCore> core) noexcept : core_(std::move(core)) {}
Lock Lock::open(const std::string& name) { return Lock(sync::LockCore::open(name)); }
void Lock::unlink(const std::string& name) { shm::Segment::unlink(shm::Kind::kLock, name); }

Acquired Lock::acquire() { return told(core_->acquire(os::Deadline::never())); }
Acquired Lock::try_acquire() { return told(core_->acquire(os::Deadline::now())); }
Acquired Lock::acquire_for(std::chrono::nanoseconds timeout) {
  return told(core_->acquire(os::Deadline::after(timeout)));
}

// Kept: who gets the lock may drop the last handle before this has returned.
void Lock::release() {
  const auto keep = core_;
  keep->release();
}

bool Lock::locked() const { return core_->owner() != 0; }
std::optional<int> Lock::owner() const {
  const os::TaskWord owner = core_->owner();
  if (owner == 0) return std::nullopt;
  return os::pid_of(owner);
}
std::string Lock::name() const { return core_->in_slab() ? "" : core_->segment().name(); }

bool operator==(const Lock& a, const Lock& b) {
  return &a.core_->segment() == &b.core_->segment() &&  // a process has each open once
         a.core_->index() == b.core_->index();
}

}  // namespace shoal
