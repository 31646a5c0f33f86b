// Memory outside of the blocks: for items that are large, and for what is written in place.
#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>
#include <stdexcept>
#include <string>

#include "os/copy.hpp"
#include "ring/asked.hpp"
#include "ring/ring_locks.hpp"
#include "ring/ring_waits.hpp"

namespace shoal::ring {

void Lent::give_back() noexcept {
  if (is_ours()) ring_->take_back(index_);
}

bool Lent::is_ours() const noexcept {
  try {
    return ring_ != nullptr && owner_ == os::self();
  } catch (...) {  // a child that cannot read who it is: not the one that was lent this
    return false;
  }
}

// ------------------------------------------------------------------ put

// It is lent when there is room for the item, so that who waits for that has no memory for it; and
// written outside of the lock. Where all extents are in use the item goes into a block, as smaller
// ones do.
bool Ring::put_far(Parts payload, std::uint64_t bytes, Encoding encoding, os::Deadline deadline) {
  check(bytes, nullptr);
  Lent lent;
  bool far = extents_to_spare();
  return put_until(deadline, bytes, [&](const Patience& patience) {
    if (far && !lent) {
      if (shut() != Shut::kNo) return Put::kShut;
      if (!has_room(bytes)) return Put::kFull;
      const Lending result = lend(bytes, patience, Share::kHalf, lent);
      if (result == Lending::kBusy) return Put::kBusy;
      far = result == Lending::kDone;
      std::byte* place = lent.bytes().data();
      for (const auto& part : payload) {
        if (!far || part.empty()) continue;
        os::copy(place, part.data(), part.size());
        place += part.size();
      }
    }
    return far ? try_put_lent(lent, bytes, encoding, patience)
               : try_put(payload, encoding, patience);
  });
}

bool Ring::put_lent(Lent& lent, std::uint64_t bytes, Encoding encoding, os::Deadline deadline) {
  if (!lent.is_ours() || bytes > lent.bytes().size()) {
    throw std::logic_error("what is put was not lent by " + segment_->label() +
                           " to this process, or is put already");
  }
  check(bytes, nullptr);
  return put_until(deadline, bytes, [&](const Patience& patience) {
    return try_put_lent(lent, bytes, encoding, patience);
  });
}

// The record has the extent from the commit on. Its owner stays who it is until it is taken: that
// says nothing any more.
Put Ring::try_put_lent(Lent& lent, std::uint64_t bytes, Encoding encoding,
                       const Patience& patience) {
  const std::uint64_t index = lent.index_;
  const std::span<const std::byte> part = std::as_bytes(std::span(&index, 1));
  const Put result = try_put({{&part, 1}, Header::far(bytes, encoding), nullptr, index}, patience);
  if (result == Put::kDone) lent.ring_ = nullptr;
  return result;
}

// ------------------------------------------------------------------ lend

// Where small items need one to be taken, those who put leave them half of all.
bool Ring::extents_to_spare() const { return !hands_ || extents_.in_use() < shm::kExtents / 2; }

bool Ring::lend(std::uint64_t bytes, std::uint64_t least, os::Deadline deadline, Lent& lent) {
  check(least, nullptr);
  if (shut() != Shut::kNo) throw_shut();
  if (!extents_to_spare()) return false;
  return lend(bytes, {.deadline = deadline}, Share::kHalf, lent) == Lending::kDone;
}

// The lock is held to find it; fresh memory is taken afterwards, as that takes long.
Ring::Lending Ring::lend(std::uint64_t bytes, const Patience& patience, Share share, Lent& lent) {
  std::size_t index = Extents::kNone;
  bool fresh = false;
  {
    const LockGuard lock(*this, words_.producers, patience);
    if (!lock) return Lending::kBusy;
    if (lock.from_dead()) repair();
    index = find_extent(bytes, share, fresh);
  }
  lower_what_others_could_not();
  if (index == Extents::kNone) return Lending::kNone;
  try {
    const Area area = fresh ? take_memory(index, patience) : area_of(index);
    lent = Lent(*this, index, os::self(), {segment_->at(area.begin, area.size()), area.size()});
  } catch (...) {
    extents_.free(index, os::self());
    throw;
  }
  if (fresh) extents_.has_memory(index);
  return Lending::kDone;
}

Area Ring::area_of(std::size_t index) const {
  const auto area = extents_.area(index);
  if (!area) segment_->throw_damaged("an extent that has gone");
  return *area;
}

// One that is free, or was left by the dead, or a new one.
std::size_t Ring::find_extent(std::uint64_t bytes, Share share, bool& fresh) {
  std::size_t index = extents_.take_free(bytes, os::self());
  if (index == Extents::kNone) {
    sweep();
    index = extents_.take_free(bytes, os::self());
  }
  fresh = index == Extents::kNone;
  if (fresh) return enter_extent(bytes, share);
  words_.grown_at.store(os::coarse_now().count(), std::memory_order_relaxed);
  return index;
}

std::size_t Ring::enter_extent(std::uint64_t bytes, Share share) {
  const std::uint64_t page = os::page_size();
  const std::uint64_t size = std::max(page, (bytes + page - 1) / page * page);
  std::size_t index = extents_.find_unused();
  if (index == Extents::kNone && give_back_free(1) != 0) index = extents_.find_unused();
  if (index == Extents::kNone) return index;
  if (share == Share::kHalf) ask_for_share(size);
  const Area area = find_gap(size);
  takes_memory(size);
  extents_.enter(index, area, os::self());
  return index;
}

// Free ones have the wrong size, and stand in the way: as entries, or with their memory. Says how
// many of them, at most so many, are gone.
std::size_t Ring::give_back_free(std::size_t most) {
  std::size_t count = 0;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < extents_.count() && count < most; ++i) {
    const auto area = extents_.area(i);
    if (!area || !extents_.forget_free(i)) continue;
    segment_->give_back(area->begin, area->size());
    bytes += area->size();
    ++count;
  }
  const std::uint64_t more = words_.more.load(std::memory_order_relaxed);
  words_.more.store(more - std::min(more, bytes), std::memory_order_relaxed);
  return count;
}

// Outside of the lock. Where there is none, what free extents have goes first; then there may be a
// better place, too.
Area Ring::take_memory(std::size_t index, const Patience& patience) {
  Area area = area_of(index);
  try {
    segment_->grow(area.begin, area.size());
  } catch (const OutOfMemory&) {
    {
      const LockGuard lock(*this, words_.producers, patience);
      if (!lock) throw;
      if (lock.from_dead()) repair();
      if (give_back_free(shm::kExtents) == 0) throw;
      extents_.free(index, os::self());  // without memory: it stands for nothing
      area = find_gap(area.size());
      extents_.enter(index, area, os::self());
    }
    segment_->grow(area.begin, area.size());
  }
  return area;
}

// Under the producers' lock: frees what the dead have left. The head is read after the owner: an
// item that is gone by then has been taken by one who became the owner before that. What is seen to
// be no item's stays so, as nothing is put meanwhile; so of all the items in the ring nobody is
// asked after, which takes 10 us each time.
void Ring::sweep() {
  repair_if_needed();
  const Position tail = this->tail();
  const os::TaskWord self = os::self();
  Asked asked;
  for (std::size_t i = 0; i < extents_.count(); ++i) {
    auto& extent = extents_[i];
    os::TaskWord owner = extent.owner.load(std::memory_order_acquire);
    if (owner == 0 || owner == self || Extents::is_in(extent, head(), tail)) continue;
    if (!asked.is_dead(owner)) continue;
    if (hands_ && extent.hand.load(std::memory_order_acquire) != 0) continue;
    extent.owner.compare_exchange_strong(owner, 0, std::memory_order_acq_rel);
  }
}

// Memory that is warm serves the next; where nobody comes it goes, as that of the blocks does.
void Ring::take_back(std::size_t index) noexcept {
  try {
    extents_.free(index, os::self());
    give_back_if_drained();
  } catch (...) {  // NOLINT(bugprone-empty-catch): os::self() has been asked before
  }
}

}  // namespace shoal::ring
