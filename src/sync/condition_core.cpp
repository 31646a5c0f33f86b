#include "sync/condition_core.hpp"

#include <shoal/error.hpp>
#include <utility>

namespace shoal::sync {
namespace {

void with_a_lock(std::byte* slot) {
  LockCore::initialise(reinterpret_cast<shm::ConditionSlot*>(slot)->lock, LockCore::Type::kRLock,
                       0);
}

}  // namespace

ConditionCore::ConditionCore(Place place, std::shared_ptr<LockCore> lock)
    : place_(std::move(place)),
      slot_(place_.slot<shm::ConditionSlot>()),
      own_lock_(lock == nullptr),
      lock_(lock != nullptr
                ? std::move(lock)
                : std::make_shared<LockCore>(LockCore::Type::kRLock, place_.within(&slot_.lock))),
      seats_(slot_.seats, place_.segment()) {}

std::shared_ptr<ConditionCore> ConditionCore::create(std::shared_ptr<LockCore> lock) {
  return std::make_shared<ConditionCore>(
      Place::make(shm::Kind::kCondition, sizeof(shm::ConditionSlot), with_a_lock), std::move(lock));
}
std::shared_ptr<ConditionCore> ConditionCore::create(const std::string& name) {
  return std::make_shared<ConditionCore>(
      Place::make_named(shm::Kind::kCondition, name, sizeof(shm::ConditionSlot), with_a_lock),
      nullptr);
}
std::shared_ptr<ConditionCore> ConditionCore::open(const std::string& name) {
  return std::make_shared<ConditionCore>(
      Place::open(shm::Kind::kCondition, name, sizeof(shm::ConditionSlot)), nullptr);
}
std::shared_ptr<ConditionCore> ConditionCore::attach(os::Fd file, bool in_slab,
                                                     std::uint64_t offset,
                                                     std::shared_ptr<LockCore> lock) {
  return std::make_shared<ConditionCore>(Place::attach(shm::Kind::kCondition, std::move(file),
                                                       in_slab, offset, sizeof(shm::ConditionSlot)),
                                         std::move(lock));
}

ConditionCore::Stay ConditionCore::begin() {
  if (!lock_->is_mine()) throw NotOwnerError("must acquire() condition before using wait()");
  const std::size_t seat = seats_.sit();
  return {seat, lock_->release_all()};
}

void ConditionCore::sleep(const Stay& stay, os::Deadline deadline, const std::stop_token* stop) {
  const auto look = [this] {
    seats_.look_after_called();
    return false;
  };
  seats_.wait(stay.seat, deadline, spin_, stop, look);
}

bool ConditionCore::leave(const Stay& stay) noexcept {
  return seats_.leave(stay.seat) == Seats::State::kCalled;
}

Taken ConditionCore::reacquire(const Stay& stay) {
  const Taken taken = lock_->acquire(os::Deadline::never());
  lock_->restore_depth(stay.depth);
  return taken;
}

void ConditionCore::notify(std::size_t count) {
  if (!lock_->is_mine()) throw NotOwnerError("lock is not owned");
  seats_.call(count);
}

}  // namespace shoal::sync
