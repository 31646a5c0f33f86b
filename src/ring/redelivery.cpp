// Items that are delivered again where who had them in hand died. Each stands in an extent while it
// is in hand; what a death leaves behind, instruction by instruction: hands.hpp.
#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>
#include <string>

#include "ring/ring_locks.hpp"
#include "ring/ring_waits.hpp"

namespace shoal::ring {

// ------------------------------------------------------------------ get

// What the dead had goes first. A small item needs an extent, which is lent before the consumers'
// lock is taken, as that takes the producers'; how large, the header tells that is next by then.
// The content is copied to the caller behind the lock, and nobody frees it meanwhile.
Get Ring::try_get_into_hand(const Room& room, Record& record, const Patience& patience) {
  Lent lent;
  for (std::uint64_t need = 0;; need = record.bytes) {
    record.bytes = 0;
    std::optional<Hands::Left> left;
    const Get look = look_for_any(patience, left);
    if (look != Get::kDone) return look;
    bool none_free = false;
    if (!left) need = std::max(need, size_of_next());
    if (!left && need > lent.bytes().size()) {
      lent = Lent();
      const Lending lending = lend(need, patience, Share::kAll, lent);
      if (lending == Lending::kBusy) return Get::kBusy;
      none_free = lending == Lending::kNone;
    }
    InHand item;
    std::optional<Get> result;
    {
      const ConsumerGuard lock(*this, patience);
      if (!lock) return Get::kBusy;
      result = left ? take_over(*left, room, record, item)
                    : take_into_hand(room, record, lent, none_free, item);
    }
    if (result == Get::kDone) {
      tell_producers();
      copy_out(item.content, room);
      hands_.was_read(item.index);
    }
    lower_what_others_could_not();
    if (!result) continue;
    give_back_if_drained();
    return *result;
  }
}

// kDone: there is something to take, or was an instant ago.
Get Ring::look_for_any(const Patience& patience, std::optional<Hands::Left>& left) {
  static_cast<void>(segment_->user());
  const bool item = has_item();
  if ((!item || hands_.is_time_to_look()) && shut() != Shut::kForAll) left = find_left();
  return left ? Get::kDone : look(patience);
}

// Bytes of the extent that the next item needs; 0: none, as it has one. It may be gone by now, or
// stand behind a link: then one page is asked for, and more later.
std::uint64_t Ring::size_of_next() const {
  const Position at = head();
  const Header header(header_at(at.unit()).load(std::memory_order_acquire));
  if (!header.is_item() || header.bytes() > segment_->size() || head() != at) return 1;
  return header.is_far() ? 0 : std::max<std::uint64_t>(1, header.bytes());
}

// Takes the next item of the queue. Nothing where it needs a larger extent than what was lent:
// record.bytes says which.
std::optional<Get> Ring::take_into_hand(const Room& room, Record& record, Lent& lent,
                                        bool none_free, InHand& item) {
  Position head = this->head();
  if (!follow_links(head)) {
    move_head(head, 0);
    return Get::kEmpty;
  }
  const Header header(header_at(head.unit()).load(std::memory_order_acquire));
  record.number = head.items();
  record.deliveries = 1;
  const Area place = payload_of(header, head);
  const std::span payload(segment_->at(place.begin, place.size()), place.size());
  if (!describe(header, payload, room, record)) return Get::kTooSmall;
  if (header.is_far()) {
    item = {extent_of(head), payload};
  } else {
    if (none_free) throw_all_in_hand();
    if (!lent || lent.bytes().size() < header.bytes()) return std::nullopt;
    if (!payload.empty()) std::memcpy(lent.bytes().data(), payload.data(), payload.size());
    item = {lent.index_, lent.bytes().first(header.bytes())};
  }
  if (witness_ != nullptr) witness_->store(head.items(), std::memory_order_relaxed);
  const os::TaskWord self = os::self();
  hands_.taking(item.index);
  if (header.is_far()) {
    static_cast<void>(extents_.take_item(item.index, header.bytes(), head, self));
  }
  hands_.set_hand(item.index, header, os::thread_id(self));
  if (!header.is_far()) extents_.belongs_to(item.index, head);
  move_head(head.past(header.units()), header.bytes());  // the item is taken now
  hands_.taken();
  if (!header.is_far()) lent.ring_ = nullptr;
  return Get::kDone;
}

// Takes what the dead had. Nothing where another was quicker.
std::optional<Get> Ring::take_over(const Hands::Left& left, const Room& room, Record& record,
                                   InHand& item) {
  if (!hands_.is_left(left)) return std::nullopt;
  const shm::Extent& extent = extents_[left.index];
  const Header header(extent.record.load(std::memory_order_relaxed));
  const auto area = extents_.area(left.index);
  if (!header.is_item() || !area || header.bytes() > area->size()) {
    segment_->throw_damaged("an item in hand that stands nowhere");
  }
  const std::span payload(segment_->at(area->begin, header.bytes()), header.bytes());
  record.number = (extent.item.load(std::memory_order_relaxed) - 1) & Position::kItemMask;
  if (!describe(header, payload, room, record)) return Get::kTooSmall;
  const os::TaskWord self = os::self();
  record.deliveries = hands_.take_over(left, self, os::thread_id(self));
  item = {left.index, payload};
  return Get::kDone;
}

// False where there is too little room for it.
bool Ring::describe(Header header, std::span<const std::byte> payload, const Room& room,
                    Record& record) const {
  record.bytes = header.bytes();
  record.encoding = header.encoding();
  if (is_parcel(record.encoding)) segment_->throw_damaged("descriptors that cannot be here");
  if (record.bytes <= room.size()) return true;
  std::memcpy(record.start.data(), payload.data(), std::min(record.start.size(), payload.size()));
  return false;
}

void Ring::throw_all_in_hand() const {
  throw OutOfMemory("the next item of " + segment_->label() + " cannot be taken: it has " +
                    std::to_string(shm::kExtents) +
                    " items in hand, large ones and loans, the most there may be; call "
                    "task_done() for some");
}

// One at a time: each has its own hand.
Get Ring::look_for_batch(const Patience& patience) {
  std::optional<Hands::Left> left;
  const Get result = look_for_any(patience, left);
  return result == Get::kDone ? Get::kAlone : result;
}

// ------------------------------------------------------------------ the end of items

void Ring::end_in_hand() {
  {
    const ConsumerGuard lock(*this, {});
    const os::TaskWord self = os::self();
    const std::size_t index = hands_.find_own(self, os::thread_id(self));
    if (index == Extents::kNone) {
      throw NotHeldError("task_done() called too many times: this process has no item of " +
                         segment_->label() + " in hand");
    }
    hands_.end(index, self);
  }
  tell_who_joins();
  give_back_if_drained();
  lower_what_others_could_not();
}

// Under the lock, once for each that is found without it.
void Ring::drop_left(const Patience& patience) {
  while (const auto left = find_left()) {
    const ConsumerGuard lock(*this, patience);
    if (!lock) return;
    if (hands_.is_left(*left)) hands_.end(left->index, left->owner);
  }
}

bool Ring::join_with_redelivery(os::Deadline deadline) {
  for (;;) {
    if (shut() == Shut::kForAll) drop_all({.deadline = deadline});
    if (all_ended()) return true;
    if (deadline.passed()) return false;
    const auto ready = [this] {
      return !has_unfinished() || (shut() == Shut::kForAll && has_item());
    };
    const auto rescue = [this] { return shut() == Shut::kForAll && find_left().has_value(); };
    const auto outcome =
        shm::Parking(ends_->all_ended).wait(bounds_, deadline, join_spin_, ready, rescue);
    if (outcome == shm::Slept::kTimedOut) return all_ended();
  }
}

}  // namespace shoal::ring
