#include <shoal/pickle.hpp>

#include "pickle/opcodes.hpp"
#include "pickle/utf8.hpp"

#include <bit>

namespace shoal::pickle {

namespace {
/// The input, cut off at its front; `good` turns false where it is too short.
struct Rest {
  std::span<const std::byte> bytes;
  bool good = true;

  bool skip(unsigned char opcode) noexcept {
    if (bytes.empty() || bytes[0] != static_cast<std::byte>(opcode)) return false;
    bytes = bytes.subspan(1);
    return true;
  }
  std::span<const std::byte> take(std::uint64_t count) noexcept {
    good = good && count <= bytes.size();
    if (!good) return {};
    const auto taken = bytes.first(static_cast<std::size_t>(count));
    bytes = bytes.subspan(taken.size());
    return taken;
  }
  std::uint64_t number(std::size_t width) noexcept {
    std::uint64_t value = 0;
    unsigned shift = 0;
    for (const std::byte byte : take(width)) {
      value |= std::to_integer<std::uint64_t>(byte) << shift;
      shift += 8;
    }
    return value;
  }
};

Scalar integer(std::uint64_t value) noexcept {
  return {.kind = Kind::integer, .integer = static_cast<std::int64_t>(value)};
}

Scalar text(std::span<const std::byte> bytes) noexcept {
  return {.kind = Kind::string, .bytes = bytes};
}

Scalar raw(std::span<const std::byte> bytes) noexcept {
  return {.kind = Kind::bytes, .bytes = bytes};
}

Scalar real(std::uint64_t little_endian) noexcept {
  std::uint64_t bits = 0;
  for (unsigned shift = 0; shift < 64; shift += 8)
    bits = bits << 8 | (little_endian >> shift & 0xffU);
  return {.kind = Kind::real, .real = std::bit_cast<double>(bits)};
}

/// Of at most eight bytes.
std::optional<Scalar> long_integer(Rest& rest) noexcept {
  const std::uint64_t size = rest.number(1);
  if (size > 8) return std::nullopt;
  const std::uint64_t value = rest.number(static_cast<std::size_t>(size));
  if (size == 0 || size == 8) return integer(value);
  const std::uint64_t sign = std::uint64_t{1} << (8 * size - 1);
  return integer((value ^ sign) - sign);
}

std::optional<Scalar> scalar(Rest& rest, unsigned char opcode) noexcept {
  switch (opcode) {
    case kNone: return Scalar{};
    case kNewTrue: return Scalar{.kind = Kind::boolean, .integer = 1};
    case kNewFalse: return Scalar{.kind = Kind::boolean};
    case kBinInt1: return integer(rest.number(1));
    case kBinInt2: return integer(rest.number(2));
    case kBinInt: return integer((rest.number(4) ^ 0x80000000U) - 0x80000000U);
    case kLong1: return long_integer(rest);
    case kBinFloat: return real(rest.number(8));
    case kShortBinUnicode: return text(rest.take(rest.number(1)));
    case kBinUnicode: return text(rest.take(rest.number(4)));
    case kBinUnicode8: return text(rest.take(rest.number(8)));
    case kShortBinBytes: return raw(rest.take(rest.number(1)));
    case kBinBytes: return raw(rest.take(rest.number(4)));
    case kBinBytes8: return raw(rest.take(rest.number(8)));
    default: return std::nullopt;
  }
}

bool is_text(std::span<const std::byte> bytes) noexcept {
  return is_utf8({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}
}  // namespace

std::optional<Scalar> scan_scalar(std::span<const std::byte> pickle) noexcept {
  Rest rest{pickle};
  if (!rest.skip(kProto) || rest.number(1) > kProtocol) return std::nullopt;
  if (rest.skip(kFrame) && rest.number(8) > rest.bytes.size()) return std::nullopt;
  const std::optional<Scalar> found = scalar(rest, static_cast<unsigned char>(rest.number(1)));
  if (rest.skip(kBinPut)) rest.take(1);
  else rest.skip(kMemoize);
  if (!found || !rest.skip(kStop) || !rest.good) return std::nullopt;
  if (found->kind == Kind::string && !is_text(found->bytes)) return std::nullopt;
  return found;
}

}  // namespace shoal::pickle
