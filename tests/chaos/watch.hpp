// Which bytes of watched memory a step has changed.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace shoal::chaos {

/// Memory whose bytes are compared after each step.
using Watched = std::vector<std::span<const std::byte>>;
/// Asked again after each change, as an object may grow.
using Watching = std::function<Watched()>;

/// A stretch of watched memory, and what it held after the last step.
class Stretch {
 public:
  explicit Stretch(std::span<const std::byte> now) : now_(now), before_(now.begin(), now.end()) {}

  [[nodiscard]] bool is(std::span<const std::byte> other) const {
    return now_.data() == other.data() && now_.size() == other.size();
  }

  // Address of the first byte that changed since the last call.
  std::optional<std::uintptr_t> change() {
    std::optional<std::uintptr_t> first;
    for (std::size_t at = 0; at < before_.size(); at += kPiece) {
      const std::size_t size = std::min(kPiece, before_.size() - at);
      const std::byte* now = now_.data() + at;
      std::byte* before = before_.data() + at;
      if (std::memcmp(now, before, size) == 0) continue;
      const auto* differs = std::mismatch(now, now + size, before).first;
      if (!first) first = reinterpret_cast<std::uintptr_t>(differs);
      std::memcpy(before, now, size);
    }
    return first;
  }

 private:
  static constexpr std::size_t kPiece = 4096;
  std::span<const std::byte> now_;
  std::vector<std::byte> before_;
};

/// All of them. Where several processes write, a change may be another's.
class Watch {
 public:
  explicit Watch(const Watching& watching) : watching_(watching) { look_for_more(); }

  /// Address of a byte that changed since the last call.
  std::optional<std::uintptr_t> change() {
    std::optional<std::uintptr_t> first;
    for (auto& stretch : stretches_) {
      const auto changed = stretch.change();
      if (!first) first = changed;
    }
    if (first) look_for_more();
    return first;
  }

 private:
  void look_for_more() {
    for (const auto& part : watching_()) {
      const bool known = std::any_of(stretches_.begin(), stretches_.end(),
                                     [&](const Stretch& one) { return one.is(part); });
      if (!known) stretches_.emplace_back(part);
    }
  }

  const Watching& watching_;
  std::vector<Stretch> stretches_;
};

}  // namespace shoal::chaos
