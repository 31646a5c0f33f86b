#include "ring/tally.hpp"

#include <algorithm>

#include "ring/record.hpp"

namespace shoal::ring {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;
// Each note is in memory before the next word changes, and all of them before the head does.
constexpr auto kInOrder = std::memory_order_release;
// A note of nothing: no number of an item is as large.
constexpr std::uint64_t kNoNote = ~std::uint64_t{0};

std::int64_t in_hand(const shm::TallyEntry& entry) noexcept {
  return static_cast<std::int64_t>(entry.taken.load(kRelaxed) - entry.ended.load(kRelaxed));
}

}  // namespace

std::size_t Tally::used() const noexcept {
  return std::min<std::size_t>(words_->used.load(kRelaxed), shm::kTallyEntries);
}

shm::TallyEntry* Tally::own(os::TaskWord self) noexcept {
  std::size_t index = own_.load(kRelaxed);
  if (index >= shm::kTallyEntries || words_->entries[index].process.load(kRelaxed) != self) {
    index = claim(self);
    if (index == shm::kTallyEntries) return nullptr;
    own_.store(index, kRelaxed);
  }
  return &words_->entries[index];
}

std::size_t Tally::claim(os::TaskWord self) noexcept {
  const std::size_t end = used();
  const auto find = [&](auto will_do) {
    for (std::size_t i = 0; i < end; ++i) {
      if (will_do(words_->entries[i])) return i;
    }
    return shm::kTallyEntries;
  };
  std::size_t index = find([&](auto& entry) { return entry.process.load(kRelaxed) == self; });
  if (index != shm::kTallyEntries) return index;
  index = find([](auto& entry) { return entry.process.load(kRelaxed) == 0; });
  if (index == shm::kTallyEntries && end < shm::kTallyEntries) {
    index = end;
    words_->used.store(end + 1, kInOrder);
  }
  if (index == shm::kTallyEntries) {
    index = find([](auto& entry) {
      return in_hand(entry) <= 0 && os::is_dead(entry.process.load(kRelaxed));
    });
  }
  if (index != shm::kTallyEntries) words_->entries[index].process.store(self, kInOrder);
  return index;
}

void Tally::taking(os::TaskWord self, std::uint64_t first, std::uint64_t count) noexcept {
  shm::TallyEntry* entry = own(self);
  if (entry == nullptr) return;
  const std::uint64_t taken = entry->taken.load(kRelaxed);
  entry->taken_before.store(taken, kInOrder);
  entry->taken_at.store(first, kInOrder);
  entry->taken.store(taken + count, kInOrder);
}

void Tally::taken(os::TaskWord self) noexcept {
  if (shm::TallyEntry* entry = own(self)) entry->taken_at.store(kNoNote, kInOrder);
}

// Whose an item is that this process ends: its own, if it has one; else one of the dead, so that
// they are missed no longer; else one of the living, which have it ended by another.
shm::TallyEntry* Tally::holder(os::TaskWord self) noexcept {
  shm::TallyEntry* const mine = own(self);
  if (mine != nullptr && in_hand(*mine) > 0) return mine;
  shm::TallyEntry* found = mine;
  for (std::size_t i = 0; i < used(); ++i) {
    auto& entry = words_->entries[i];
    if (in_hand(entry) <= 0) continue;
    found = &entry;
    if (os::is_dead(entry.process.load(kRelaxed))) break;
  }
  return found;
}

void Tally::end_one(os::TaskWord self) noexcept { end(holder(self), 1); }
void Tally::end_own(os::TaskWord self, std::uint64_t count) noexcept { end(own(self), count); }

void Tally::end(shm::TallyEntry* entry, std::uint64_t count) noexcept {
  const std::uint64_t before = words_->ended.load(kRelaxed);
  if (entry != nullptr) {
    const std::uint64_t ended = entry->ended.load(kRelaxed);
    entry->ended_before.store(ended, kInOrder);
    entry->ended_at.store(before, kInOrder);
    entry->ended.store(ended + count, kInOrder);
  }
  words_->ended.store((before + count) & Position::kItemMask, kInOrder);
  if (entry != nullptr) entry->ended_at.store(kNoNote, kInOrder);
}

void Tally::settle(std::uint64_t head) noexcept {
  const std::uint64_t ended = words_->ended.load(kRelaxed);
  for (std::size_t i = 0; i < used(); ++i) {
    auto& entry = words_->entries[i];
    if (entry.taken_at.load(kRelaxed) == head) {
      entry.taken.store(entry.taken_before.load(kRelaxed), kInOrder);
    }
    entry.taken_at.store(kNoNote, kInOrder);
    if (entry.ended_at.load(kRelaxed) == ended) {
      entry.ended.store(entry.ended_before.load(kRelaxed), kInOrder);
    }
    entry.ended_at.store(kNoNote, kInOrder);
  }
}

// Who ends what nobody is known to have (it may have been taken uncounted) has fewer than none in
// hand: that many of the dead's may be done.
Tally::Lost Tally::lost() noexcept {
  Lost lost;
  std::int64_t done_for_others = 0;
  for (std::size_t i = 0; i < used(); ++i) {
    auto& entry = words_->entries[i];
    const os::TaskWord process = entry.process.load(kRelaxed);
    if (process == 0) continue;
    const std::int64_t items = in_hand(entry);
    done_for_others += std::min<std::int64_t>(items, 0);
    if (items < 0 || !os::is_dead(process)) continue;
    if (items == 0) {
      entry.process.store(0, kInOrder);  // for others
      continue;
    }
    lost.items += static_cast<std::uint64_t>(items);
    lost.process = process;
    ++lost.processes;
  }
  const auto done = static_cast<std::uint64_t>(-done_for_others);
  return done >= lost.items ? Lost{} : Lost{lost.items - done, lost.process, lost.processes};
}

}  // namespace shoal::ring
