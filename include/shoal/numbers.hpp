// Spans of numbers as they travel: 8 bytes that say of which type, and the numbers themselves.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/codec_scalars.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shoal {

/// Numbers that travel as they are in memory.
template <class N>
concept RawNumber = (std::integral<N> || std::floating_point<N>) &&
                    !std::same_as<std::remove_cv_t<N>, bool> && sizeof(N) <= 8;

namespace detail {

/// The word before the numbers; part of the format.
///   bits 0..7 kind, bits 8..15 bytes of each, bits 16..23 the typecode of Python's array that it
///   was, if it was one; the rest is 0
class NumberType {
 public:
  enum class Kind : std::uint8_t { kSigned = 1, kUnsigned = 2, kFloat = 3 };

  constexpr explicit NumberType(std::uint64_t word) noexcept : word_(word) {}
  constexpr NumberType(Kind kind, std::size_t size, char typecode = 0) noexcept
      : word_(static_cast<std::uint64_t>(kind) | size << 8U |
              static_cast<std::uint64_t>(static_cast<unsigned char>(typecode)) << 16U) {}
  template <RawNumber N>
  static constexpr NumberType of() noexcept {
    constexpr Kind kInteger = std::is_signed_v<N> ? Kind::kSigned : Kind::kUnsigned;
    return {std::floating_point<N> ? Kind::kFloat : kInteger, sizeof(N)};
  }

  [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
  [[nodiscard]] constexpr Kind kind() const noexcept { return static_cast<Kind>(word_ & 0xffU); }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return word_ >> 8U & 0xffU; }
  [[nodiscard]] constexpr char typecode() const noexcept {
    return static_cast<char>(word_ >> 16U & 0xffU);
  }
  /// Kind and size, which are the type.
  [[nodiscard]] constexpr std::uint64_t type() const noexcept { return word_ & 0xffffU; }

 private:
  std::uint64_t word_;
};

/// What a record of numbers says that it is.
struct Numbers {
  NumberType type;
  std::span<const std::byte> bytes;  ///< a whole number of them
  [[nodiscard]] std::size_t count() const noexcept { return bytes.size() / type.size(); }
};

/// Nothing where it cannot be one.
std::optional<Numbers> numbers_in(std::span<const std::byte> record) noexcept;

/// The same of one that was checked. Throws PickleError.
Numbers sound_numbers_in(std::span<const std::byte> record);

/// Calls `function` with a zero of the type.
template <class Function>
void with_number_of(NumberType type, Function function) {
  using Kind = NumberType::Kind;
  switch (type.type()) {
    case NumberType(Kind::kSigned, 1).word(): return function(std::int8_t{});
    case NumberType(Kind::kSigned, 2).word(): return function(std::int16_t{});
    case NumberType(Kind::kSigned, 4).word(): return function(std::int32_t{});
    case NumberType(Kind::kSigned, 8).word(): return function(std::int64_t{});
    case NumberType(Kind::kUnsigned, 1).word(): return function(std::uint8_t{});
    case NumberType(Kind::kUnsigned, 2).word(): return function(std::uint16_t{});
    case NumberType(Kind::kUnsigned, 4).word(): return function(std::uint32_t{});
    case NumberType(Kind::kUnsigned, 8).word(): return function(std::uint64_t{});
    case NumberType(Kind::kFloat, 4).word(): return function(float{});
    case NumberType(Kind::kFloat, 8).word(): return function(double{});
    default: return;
  }
}

/// The number as an Object holds it.
template <class N>
auto widened(N number) noexcept {
  if constexpr (std::floating_point<N>) return static_cast<double>(number);
  else if constexpr (std::is_signed_v<N>) return static_cast<std::int64_t>(number);
  else return static_cast<std::uint64_t>(number);
}

/// As the codec of To reads it: throws PickleError where it does not fit.
template <RawNumber To, RawNumber From>
To converted(From number) {
  if constexpr (std::floating_point<To>) {
    return static_cast<To>(number);
  } else {
    const auto value = widened(number);
    if constexpr (std::integral<From>) {
      using Limits = std::numeric_limits<To>;
      if (std::cmp_greater_equal(value, widened(Limits::min())) &&
          std::cmp_less_equal(value, widened(Limits::max()))) {
        return static_cast<To>(value);
      }
    }
    return decode<To>(Object(value));
  }
}

/// Writes them to where there is room for all.
template <RawNumber To>
void copy_numbers(const Numbers& numbers, To* to) {
  if (numbers.bytes.empty()) return;
  if (numbers.type.type() == NumberType::of<To>().type()) {
    std::memcpy(to, numbers.bytes.data(), numbers.bytes.size());
    return;
  }
  with_number_of(numbers.type, [&]<class From>(From) {
    for (std::size_t i = 0; i < numbers.count(); ++i) {
      From number;
      std::memcpy(&number, numbers.bytes.data() + i * sizeof number, sizeof number);
      to[i] = converted<To>(number);
    }
  });
}

/// The containers that travel so.
template <class T>
struct SpanOfNumbers {
  using Number = void;
};
template <RawNumber N, class A>
struct SpanOfNumbers<std::vector<N, A>> {
  using Number = N;
};
template <RawNumber N, std::size_t Count>
struct SpanOfNumbers<std::array<N, Count>> {
  using Number = N;
};

/// A vector of that number, const or not.
template <class T, class N>
concept VectorOf = std::same_as<typename SpanOfNumbers<T>::Number, std::remove_const_t<N>> &&
                   requires(T vector) { vector.reserve(1); };

template <RawNumber N, class A>
void read_numbers(const Numbers& numbers, std::vector<N, A>& into) {
  into.resize(numbers.count());
  copy_numbers(numbers, into.data());
}
/// Throws PickleError where they are not so many.
void check_count(const Numbers& numbers, std::size_t count);
template <RawNumber N, std::size_t Count>
void read_numbers(const Numbers& numbers, std::array<N, Count>& into) {
  check_count(numbers, Count);
  copy_numbers(numbers, into.data());
}

}  // namespace detail
}  // namespace shoal
