#include <shoal/bigint.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <system_error>

namespace shoal {

namespace {
constexpr std::uint32_t kChunk = 1'000'000'000;  // the largest power of ten below 2^32
constexpr std::size_t kChunkDigits = 9;

unsigned to_unsigned(std::byte byte) { return std::to_integer<unsigned>(byte); }

/// The digits of a number of base 2^32, the least first; none is zero.
using Limbs = std::vector<std::uint32_t>;

void multiply_add(Limbs& limbs, std::uint32_t factor, std::uint32_t addend) {
  std::uint64_t carry = addend;
  for (std::uint32_t& limb : limbs) {
    carry += std::uint64_t{limb} * factor;
    limb = static_cast<std::uint32_t>(carry);
    carry >>= 32;
  }
  if (carry != 0) limbs.push_back(static_cast<std::uint32_t>(carry));
}

/// Returns the remainder.
std::uint32_t divide(Limbs& limbs, std::uint32_t divisor) {
  std::uint64_t rest = 0;
  for (std::size_t i = limbs.size(); i-- > 0;) {
    rest = rest << 32 | limbs[i];
    limbs[i] = static_cast<std::uint32_t>(rest / divisor);
    rest %= divisor;
  }
  while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
  return static_cast<std::uint32_t>(rest);
}

/// Little-endian two's complement, one byte longer than need be.
std::vector<std::byte> to_bytes(const Limbs& limbs, bool negate) {
  std::vector<std::byte> bytes;
  unsigned carry = 1;
  const auto add = [&](unsigned byte) {
    if (negate) {
      byte = (~byte & 0xffU) + carry;
      carry = byte >> 8;
    }
    bytes.push_back(static_cast<std::byte>(byte & 0xffU));
  };
  for (const std::uint32_t limb : limbs)
    for (unsigned shift = 0; shift < 32; shift += 8) add(limb >> shift & 0xffU);
  add(0);
  return bytes;
}

/// The absolute value.
Limbs magnitude(std::span<const std::byte> bytes, bool negative) {
  Limbs limbs(bytes.size() / 4 + 1);
  unsigned carry = 1;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    unsigned byte = to_unsigned(bytes[i]);
    if (negative) {
      byte = (~byte & 0xffU) + carry;
      carry = byte >> 8;
    }
    limbs[i / 4] |= (byte & 0xffU) << (i % 4 * 8);
  }
  while (!limbs.empty() && limbs.back() == 0) limbs.pop_back();
  return limbs;
}

std::string to_hex(const Limbs& limbs) {
  std::array<char, 8> digits{};
  std::string text;
  for (std::size_t i = limbs.size(); i-- > 0;) {
    const char* const end =
        std::to_chars(digits.data(), digits.data() + digits.size(), limbs[i], 16).ptr;
    const auto length = static_cast<std::size_t>(end - digits.data());
    if (!text.empty()) text.append(digits.size() - length, '0');
    text.append(digits.data(), length);
  }
  return "0x" + text;
}

std::string to_decimal(Limbs limbs) {
  std::string reversed;
  while (!limbs.empty()) {
    std::uint32_t chunk = divide(limbs, kChunk);
    for (std::size_t i = 0; i < kChunkDigits && (chunk != 0 || !limbs.empty()); ++i) {
      reversed.push_back(static_cast<char>('0' + chunk % 10));
      chunk /= 10;
    }
  }
  if (reversed.empty()) reversed = "0";
  return {reversed.rbegin(), reversed.rend()};
}
}  // namespace

BigInt::BigInt(std::span<const std::byte> bytes) {
  const auto negative_at = [&](std::size_t i) { return (to_unsigned(bytes[i]) & 0x80U) != 0; };
  std::size_t size = bytes.size();
  while (size > 1 && bytes[size - 1] == (negative_at(size - 2) ? std::byte{0xff} : std::byte{0}))
    --size;
  if (size == 1 && bytes[0] == std::byte{0}) size = 0;
  bytes_.assign(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
}

BigInt BigInt::from_int64(std::int64_t value) {
  std::array<std::byte, 8> bytes{};
  for (std::size_t i = 0; i < 8; ++i)
    bytes[i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  return BigInt(bytes);
}

BigInt BigInt::from_uint64(std::uint64_t value) {
  std::array<std::byte, 9> bytes{};
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(value >> (8 * i));
  return BigInt(bytes);
}

std::optional<BigInt> BigInt::from_decimal(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > kMaxDigits) return std::nullopt;
  Limbs limbs;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    multiply_add(limbs, 10, static_cast<std::uint32_t>(digit - '0'));
  }
  return BigInt(to_bytes(limbs, negative));
}

bool BigInt::negative() const noexcept {
  return !bytes_.empty() && (to_unsigned(bytes_.back()) & 0x80U) != 0;
}

std::optional<std::int64_t> BigInt::to_int64() const noexcept {
  if (bytes_.size() > 8) return std::nullopt;
  std::uint64_t bits = negative() ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes_.size(); i-- > 0;) bits = bits << 8 | to_unsigned(bytes_[i]);
  return std::bit_cast<std::int64_t>(bits);
}

std::optional<std::uint64_t> BigInt::to_uint64() const noexcept {
  if (negative() || bytes_.size() > 9 || (bytes_.size() == 9 && bytes_[8] != std::byte{0}))
    return std::nullopt;
  std::uint64_t bits = 0;
  for (std::size_t i = std::min<std::size_t>(bytes_.size(), 8); i-- > 0;)
    bits = bits << 8 | to_unsigned(bytes_[i]);
  return bits;
}

std::optional<double> BigInt::to_double() const {
  constexpr std::size_t kMaxBytes = 130;  // a double ends below 2^1024
  if (bytes_.size() > kMaxBytes) return std::nullopt;
  const std::string text = to_string();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

std::string BigInt::to_string() const {
  constexpr double kDigitsPerByte = 2.40824;
  const bool short_enough = static_cast<double>(bytes_.size()) * kDigitsPerByte <= kMaxDigits;
  const Limbs limbs = magnitude(bytes_, negative());
  return (negative() ? "-" : "") + (short_enough ? to_decimal(limbs) : to_hex(limbs));
}

}  // namespace shoal
