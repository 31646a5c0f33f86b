// Keeps a consumer that is quicker than its producers a little behind them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "os/cpu.hpp"

namespace shoal::ring {

/// A consumer that is always at the producers' heels takes from them, by each look, the line of the
/// cache that they write next, and both sides wait for that line at each item. One that lets some
/// items come first has them for one such transfer. So who finds nothing where the next item comes
/// at once, several times running, waits before it looks again, for about the time of a round
/// trip; and goes on so for as long as that brings more than one item. Where it does not, as where
/// each item answers one of the consumer's own, it is tried again ever more seldom.
///
/// One per handle and process; threads share it without harm.
class Pace {
 public:
  /// After nothing was there: true where there is something by now. `ready` looks for that, and
  /// `several` whether it is more than one item. Takes half a microsecond where a pause of the
  /// processor takes some 45 ns, as on the machine of the benchmarks.
  template <class Ready, class Several>
  bool let_some_come(const Ready& ready, const Several& several) {
    const bool behind = is_behind();
    if (behind) relax(kBehind);
    for (int look = 0; look < kAtOnce; ++look) {
      if (ready()) {
        if (behind) {
          keep(several());
        } else {
          count();
        }
        return true;
      }
      os::relax();
    }
    if (behind) keep(false);
    soon_.store(0, std::memory_order_relaxed);
    return false;
  }

  /// Whether it waits before it looks.
  [[nodiscard]] bool is_behind() const noexcept { return behind_.load(std::memory_order_relaxed); }

 private:
  static constexpr int kBehind = 8;  // pauses
  static constexpr int kAtOnce = 2;
  static constexpr std::uint32_t kFewest = 4;
  static constexpr std::uint32_t kMost = 4096;

  static void relax(int pauses) noexcept {
    for (int pause = 0; pause < pauses; ++pause) os::relax();
  }

  void count() noexcept {
    const std::uint32_t soon = soon_.load(std::memory_order_relaxed) + 1;
    const bool often = soon >= needed_.load(std::memory_order_relaxed);
    soon_.store(often ? 0 : soon, std::memory_order_relaxed);
    if (often) behind_.store(os::can_spin(), std::memory_order_relaxed);
  }

  void keep(bool pays) noexcept {
    behind_.store(pays, std::memory_order_relaxed);
    const std::uint32_t needed = needed_.load(std::memory_order_relaxed);
    needed_.store(pays ? kFewest : std::min(needed * 2, kMost), std::memory_order_relaxed);
  }

  std::atomic<bool> behind_{false};
  std::atomic<std::uint32_t> soon_{0};  // how often running the next item came at once
  std::atomic<std::uint32_t> needed_{kFewest};
};

}  // namespace shoal::ring
