#include "sync/lock_core.hpp"

#include <atomic>
#include <exception>
#include <shoal/error.hpp>
#include <utility>

namespace shoal::sync {
namespace {

shm::Kind kind_of(LockCore::Type type) noexcept {
  return type == LockCore::Type::kLock ? shm::Kind::kLock : shm::Kind::kRLock;
}

OwnerLock::Owner owner_of(LockCore::Type type) noexcept {
  return type == LockCore::Type::kLock ? OwnerLock::Owner::kProcess : OwnerLock::Owner::kThread;
}

// Whether a wait of a Condition in this process ever came back without its lock.
std::atomic<bool> lost{false};

Place::Init with_options(std::uint32_t options) {
  return [options](std::byte* slot) {
    reinterpret_cast<shm::SlotHead*>(slot)->options.store(options, std::memory_order_relaxed);
  };
}

}  // namespace

LockCore::LockCore(Type type, Place place)
    : place_(std::move(place)),
      slot_(place_.slot<shm::LockSlot>()),
      lock_(slot_.lock, owner_of(type)),
      type_(type) {}

std::shared_ptr<LockCore> LockCore::create(Type type, std::uint32_t options) {
  return std::make_shared<LockCore>(
      type, Place::make(kind_of(type), sizeof(shm::LockSlot), with_options(options)));
}

std::shared_ptr<LockCore> LockCore::create(Type type, const std::string& name,
                                           std::uint32_t options) {
  return std::make_shared<LockCore>(
      type, Place::make_named(kind_of(type), name, sizeof(shm::LockSlot), with_options(options)));
}

std::shared_ptr<LockCore> LockCore::open(Type type, const std::string& name) {
  return std::make_shared<LockCore>(type, Place::open(kind_of(type), name, sizeof(shm::LockSlot)));
}

std::shared_ptr<LockCore> LockCore::attach(Type type, os::Fd file, bool in_slab,
                                           std::uint64_t offset) {
  return std::make_shared<LockCore>(
      type, Place::attach(kind_of(type), std::move(file), in_slab, offset, sizeof(shm::LockSlot)));
}

void LockCore::initialise(shm::LockSlot& slot, Type type, std::uint32_t options) noexcept {
  slot.head.options.store(options, std::memory_order_relaxed);
  slot.head.kind.store(static_cast<std::uint32_t>(kind_of(type)), std::memory_order_relaxed);
}

void LockCore::taken_by(os::TaskWord process) noexcept {
  shm::write(slot_.holder, process);
  if (type_ == Type::kRLock) slot_.depth.store(1, std::memory_order_relaxed);
}

bool LockCore::try_acquire_free() {
  const os::TaskWord process = place_.segment().user();
  if (type_ == Type::kLock) [[likely]] {
    if (!lock_.try_acquire(process)) return false;
    shm::write(slot_.holder, process);
    return true;
  }
  const os::TaskWord own = os::thread_self();
  if (lock_.owner() == own) {
    const auto depth = slot_.depth.load(std::memory_order_relaxed);
    if (depth == UINT32_MAX) throw std::overflow_error(label() + " is held too often");
    slot_.depth.store(depth + 1, std::memory_order_relaxed);
    return true;
  }
  if (!lock_.try_acquire(own)) return false;
  taken_by(process);
  return true;
}

Taken LockCore::acquire(os::Deadline deadline, const std::stop_token* stop) {
  if (try_acquire_free()) [[likely]]
    return Taken::kFree;
  return acquire_slowly(deadline, stop);
}

Taken LockCore::acquire_slowly(os::Deadline deadline, const std::stop_token* stop) {
  shm::stamp(slot_.holder);
  const bool raise = (options() & kRaiseOnOwnerDeath) != 0;
  const Taken taken = lock_.acquire_slowly(self(), place_.segment().bounds(), deadline, spin_,
                                           {.take_from_dead = !raise, .stop = stop});
  if (taken == Taken::kLeftToDead) {
    const auto dead = holder();
    throw OwnerDied(label() + " is held by process " + std::to_string(os::pid_of(dead.process)) +
                        ", which has died: what it guards may be half changed; put that in order, "
                        "then release() the lock",
                    os::pid_of(dead.process));
  }
  if (taken != Taken::kNo) taken_by(place_.segment().user());
  return taken;
}

void LockCore::release() {
  const os::TaskWord own = self();
  if (lock_.owner() != own) [[unlikely]]
    return release_of_another();
  if (type_ == Type::kRLock) {
    const auto depth = slot_.depth.load(std::memory_order_relaxed);
    if (depth > 1) {
      slot_.depth.store(depth - 1, std::memory_order_relaxed);
      return;
    }
  }
  lock_.release();
}

void LockCore::lost_in_wait() noexcept { lost.store(true, std::memory_order_relaxed); }

void LockCore::leave_guard() {
  if (lost.load(std::memory_order_relaxed)) [[unlikely]] {
    if (std::uncaught_exceptions() > 0 && !is_mine()) return;
  }
  release();
}

void LockCore::release_of_another() {
  if (type_ == Type::kRLock) {
    const os::TaskWord owner = lock_.owner();
    const bool left_to_dead =
        owner != 0 && (options() & kRaiseOnOwnerDeath) != 0 && os::is_thread_dead(owner);
    if (!left_to_dead || !lock_.release_if_held()) {
      throw NotOwnerError("attempt to release recursive lock not owned by thread: " + label());
    }
    return;
  }
  if (!lock_.release_if_held()) {
    throw NotHeldError("semaphore or lock released too many times: nobody holds " + label());
  }
}

bool LockCore::is_mine() const {
  if (lock_.owner() != self()) return false;
  return type_ == Type::kRLock || shm::read(slot_.holder).thread == os::thread_id(os::self());
}

std::uint32_t LockCore::depth() const {
  if (!is_mine()) return 0;
  return type_ == Type::kLock ? 1 : slot_.depth.load(std::memory_order_relaxed);
}

std::uint32_t LockCore::release_all() {
  const std::uint32_t had = depth();
  if (had > 1) slot_.depth.store(1, std::memory_order_relaxed);
  release();
  return had;
}

void LockCore::restore_depth(std::uint32_t depth) noexcept {
  if (type_ == Type::kRLock) slot_.depth.store(depth, std::memory_order_relaxed);
}

shm::Noted LockCore::holder() const noexcept {
  if (lock_.owner() == 0) return {};
  shm::Noted noted = shm::read(slot_.holder);
  if (type_ == Type::kLock) noted.process = lock_.owner();  // the note comes a moment later
  return noted;
}

}  // namespace shoal::sync
