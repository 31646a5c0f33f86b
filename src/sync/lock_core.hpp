// What a handle of a public Lock shares.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "shm/segment.hpp"
#include "sync/owner_lock.hpp"

namespace shoal::sync {

/// One lock of a slab, or of a segment of its own when it has a name. Death: owner_lock.hpp.
class LockCore {
 public:
  static std::shared_ptr<LockCore> create();
  static std::shared_ptr<LockCore> create(const std::string& name);
  static std::shared_ptr<LockCore> open(const std::string& name);
  /// A lock that arrived as a descriptor and, in a slab, an index.
  static std::shared_ptr<LockCore> attach(os::Fd file, bool in_slab, std::size_t index);

  LockCore(std::shared_ptr<shm::Segment> segment, shm::LockSlot& slot, bool in_slab,
           std::size_t index);

  /// Throws Interrupted.
  Taken acquire(os::Deadline deadline);
  /// Only what one instruction tells: for callers that must not wait at all.
  bool try_acquire_free() { return lock_.try_acquire(segment_->user()); }
  /// Throws NotHeldError.
  void release();
  [[nodiscard]] os::TaskWord owner() const noexcept { return lock_.owner(); }

  [[nodiscard]] const shm::Segment& segment() const noexcept { return *segment_; }
  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] bool in_slab() const noexcept { return in_slab_; }
  /// "lock 'jobs'" or "a lock".
  [[nodiscard]] std::string label() const;

 private:
  std::shared_ptr<shm::Segment> segment_;
  OwnerLock lock_;
  std::size_t index_;
  bool in_slab_;
  shm::Spin spin_;
};

}  // namespace shoal::sync
