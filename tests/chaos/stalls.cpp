#include "stalls.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace shoal::chaos {

std::string Stalls::text() const {
  if (all_.empty()) return "no stalls recorded";
  std::vector<os::Nanoseconds> sorted = all_;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&](std::size_t percent) {
    return static_cast<double>(sorted[(sorted.size() - 1) * percent / 100].count()) / 1e6;
  };
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "stall p50 %.1f ms p99 %.1f ms longest %.1f ms", at(50),
                at(99), at(100));
  return text.data();
}

}  // namespace shoal::chaos
