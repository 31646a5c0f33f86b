// Notes of who holds a thing and who waits for it, for those who look from outside.
#pragma once

#include "os/clock.hpp"
#include "os/task.hpp"
#include "shm/layout.hpp"

namespace shoal::shm {

/// What a note says. It may be out of date: its process may have died or gone on.
struct Noted {
  os::TaskWord process = 0;  ///< 0: nobody
  std::uint32_t thread = 0;
  os::Nanoseconds since{};  ///< on os::Clock, to 10 ms; 0: not known
};

/// The second word of a note: a thread in the low half, a time in the high half, in hundredths of a
/// second (32 bits last 497 days) from a clock that moves every 4 ms and costs little.
inline std::uint64_t coarse_time_word() noexcept {
  return static_cast<std::uint64_t>(os::coarse_now() / std::chrono::milliseconds(10)) << 32U;
}
inline std::uint64_t thread_and_time(os::TaskWord self) noexcept {
  return coarse_time_word() | os::thread_id(self);
}

// The process first: who leaves a place empties its thread before, so that the thread that is read
// then is not of one who had the place earlier (but for one who died in it).
inline Noted read(const Word& process, const Word& thread) noexcept {
  const os::TaskWord who = process.load(std::memory_order_acquire);
  const std::uint64_t word = thread.load(std::memory_order_acquire);
  return {who, static_cast<std::uint32_t>(word),
          std::chrono::milliseconds(10) * static_cast<std::int64_t>(word >> 32U)};
}
inline Noted read(const Note& note) noexcept { return read(note.process, note.thread); }

/// Written by who takes what the note is about, without the time: reading a clock costs as much as
/// taking a lock. stamp() adds it.
inline void write(Note& note, os::TaskWord self) noexcept {
  note.thread.store(os::thread_id(self), std::memory_order_relaxed);
  note.process.store(self, std::memory_order_relaxed);
}
/// By the first who has to wait for the holder: from then on it is known since when it has it.
inline void stamp(Note& note) noexcept {
  std::uint64_t word = note.thread.load(std::memory_order_relaxed);
  if (word >> 32U != 0) return;
  note.thread.compare_exchange_strong(word, word | coarse_time_word(), std::memory_order_relaxed);
}

}  // namespace shoal::shm
