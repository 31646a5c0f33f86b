// An integer of any size, kept as a pickle keeps it. It is carried, compared and printed; shoal
// does no arithmetic on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace shoal {

/// Immutable. Equal values have equal bytes: they are cut to the fewest that hold the value.
class BigInt {
 public:
  /// Most digits that from_decimal reads and to_string writes as decimal; Python's limit, for the
  /// same reason: the conversion takes time quadratic in the digits.
  static constexpr std::size_t kMaxDigits = 4300;

  BigInt() = default;
  /// Little-endian two's complement, of any length; none is zero.
  explicit BigInt(std::span<const std::byte> bytes);
  [[nodiscard]] static BigInt from_int64(std::int64_t value);
  [[nodiscard]] static BigInt from_uint64(std::uint64_t value);
  /// "-123"; nullopt where the text is no decimal integer or has more than kMaxDigits digits.
  [[nodiscard]] static std::optional<BigInt> from_decimal(std::string_view text);

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool negative() const noexcept;
  /// nullopt where the value does not fit.
  [[nodiscard]] std::optional<std::int64_t> to_int64() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> to_uint64() const noexcept;
  /// The nearest double; nullopt beyond the largest.
  [[nodiscard]] std::optional<double> to_double() const;
  /// Decimal, or hexadecimal ("-0x1f") where that would be more than kMaxDigits digits.
  [[nodiscard]] std::string to_string() const;

  bool operator==(const BigInt&) const = default;

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace shoal
