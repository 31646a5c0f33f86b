#include "pickle/utf8.hpp"

#include <array>
#include <cstring>

namespace shoal::pickle {

namespace {
/// The number of bytes a character has by its first one; 0 for a byte that begins none.
std::size_t sequence_length(unsigned char first) noexcept {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}

constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
constexpr char32_t kLargest = 0x10ffff;

/// Moves `position` over whole blocks of `Words` words that are ASCII.
template <std::size_t Words>
void skip_ascii_blocks(std::string_view text, std::size_t& position) noexcept {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  std::array<std::uint64_t, Words> block;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled
  for (; text.size() - position >= sizeof block; position += sizeof block) {
    std::memcpy(block.data(), text.data() + position, sizeof block);
    std::uint64_t bits = 0;
    for (const std::uint64_t word : block) bits |= word;
    if ((bits & kHighBits) != 0) return;
  }
}

void skip_ascii(std::string_view text, std::size_t& position) noexcept {
  skip_ascii_blocks<4>(text, position);
  skip_ascii_blocks<1>(text, position);
  while (position < text.size() && static_cast<unsigned char>(text[position]) < 0x80) ++position;
}
}  // namespace

std::optional<char32_t> next_code_point(std::string_view text, std::size_t& position) noexcept {
  const std::size_t start = position++;
  const auto first = static_cast<unsigned char>(text[start]);
  const std::size_t length = sequence_length(first);
  if (length == 1) return first;
  if (length == 0 || length > text.size() - start) return std::nullopt;
  char32_t point = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[start + i]);
    if ((next & 0xc0U) != 0x80) return std::nullopt;
    point = point << 6 | (next & 0x3fU);
  }
  if (point < kSmallest[length] || point > kLargest) return std::nullopt;
  position = start + length;
  return point;
}

bool is_utf8(std::string_view text) noexcept {
  std::size_t position = 0;
  for (skip_ascii(text, position); position < text.size();) {
    if (!next_code_point(text, position)) return false;
    if (position < text.size() && static_cast<unsigned char>(text[position]) < 0x80)
      skip_ascii(text, position);
  }
  return true;
}

void append_code_point(std::string& text, char32_t point) {
  const auto put = [&](char32_t bits) { text.push_back(static_cast<char>(bits)); };
  const auto put_rest = [&](unsigned shift) { put(0x80U | (point >> shift & 0x3fU)); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0U | point >> 6);
    put_rest(0);
  } else if (point < 0x10000) {
    put(0xe0U | point >> 12);
    put_rest(6);
    put_rest(0);
  } else {
    put(0xf0U | point >> 18);
    put_rest(12);
    put_rest(6);
    put_rest(0);
  }
}

}  // namespace shoal::pickle
