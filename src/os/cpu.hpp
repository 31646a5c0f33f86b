// What the processor offers to those who wait: a pause, a barrier on all cores, a count of cores.
#pragma once

#include <cstdint>

namespace shoal::os {

/// Tells the core that this thread only polls.
inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

/// True when there is more than one core and the cgroup's quota allows more than one, that is, when
/// polling can pay. Read once and again now and then.
[[nodiscard]] bool can_spin() noexcept;

/// Makes this process one that heavy_barrier() of another reaches. Once per process; not kept
/// over exec. Returns false where the kernel refuses it (seccomp).
bool register_for_barriers() noexcept;

/// A full memory barrier in every running thread of every registered process, so that those
/// threads need none of their own: the pair of a plain store followed by a plain load on their
/// side. Where the kernel refuses it, a lost wake-up is found by the bounded wait.
void heavy_barrier() noexcept;

}  // namespace shoal::os
