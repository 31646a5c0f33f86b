#include "os/copy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace shoal::os {
namespace {

std::vector<std::byte> numbered(std::size_t size) {
  std::vector<std::byte> bytes(size);
  std::uint32_t state = 1;
  for (std::byte& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::byte>(state >> 24U);
  }
  return bytes;
}

// From any place to any place, up to the last byte and not beyond.
TEST(Copy, is_whole_at_any_size_and_alignment) {
  constexpr std::size_t kLarge = 16U << 20U;
  constexpr std::size_t kMargin = 128;
  const auto from = numbered(kLarge + 64 * 1024);
  std::vector<std::byte> to(from.size() + 2 * kMargin);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4096}, kLarge - 1,
                                 kLarge, kLarge + 1, kLarge + 16 * 1024 + 63}) {
    for (const std::size_t shift : {0, 1, 63, 64}) {
      std::ranges::fill(to, std::byte{0xee});
      const std::byte* begin = from.data() + shift * 7;
      copy(to.data() + kMargin + shift, begin, size);
      const auto place = to.begin() + static_cast<std::ptrdiff_t>(kMargin + shift);
      const auto end = place + static_cast<std::ptrdiff_t>(size);
      EXPECT_TRUE(std::equal(begin, begin + size, place)) << size << " bytes, " << shift;
      const auto is_untouched = [](std::byte byte) { return byte == std::byte{0xee}; };
      EXPECT_TRUE(std::all_of(to.begin(), place, is_untouched)) << size << " bytes, " << shift;
      EXPECT_TRUE(std::all_of(end, to.end(), is_untouched)) << size << " bytes, " << shift;
    }
  }
  copy(nullptr, nullptr, 0);
}

}  // namespace
}  // namespace shoal::os
