// Codecs of single values: None, bool, numbers, strings, bytes, enums, durations, Object itself.
#pragma once

#include <shoal/codec_base.hpp>

#include <chrono>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace shoal {

namespace detail {
void decode_none(const Object& object);
std::int64_t decode_signed(const Object& object, std::int64_t min, std::int64_t max);
std::uint64_t decode_unsigned(const Object& object, std::uint64_t max);
double decode_real(const Object& object);
/// `count` if it lies in [min, max), else PickleError.
double check_duration(double count, double min, double max);

/// The types that an Object holds as they are and that have no codec of their own.
template <class T>
concept HeldByObject =
    kKindOf<T> >= Kind::complex && kKindOf<T> != Kind::string && kKindOf<T> != Kind::bytes;
}  // namespace detail

template <>
struct Codec<std::nullptr_t> {
  static void encode(pickle::Encoder& encoder, std::nullptr_t) { encoder.none(); }
  static std::nullptr_t decode(const Object& object) {
    detail::decode_none(object);
    return nullptr;
  }
};

template <>
struct Codec<std::monostate> {
  static void encode(pickle::Encoder& encoder, std::monostate) { encoder.none(); }
  static std::monostate decode(const Object& object) {
    detail::decode_none(object);
    return {};
  }
};

template <>
struct Codec<bool> {
  static void encode(pickle::Encoder& encoder, bool value) { encoder.boolean(value); }
  static bool decode(const Object& object) { return object.get<bool>(); }
};

/// Integers of every width, char too. A bool is read as 0 or 1, as Python counts it. A value that
/// does not fit is a PickleError.
template <Integer T>
struct Codec<T> {
  static void encode(pickle::Encoder& encoder, T value) {
    if constexpr (std::signed_integral<T>) encoder.integer(value);
    else encoder.unsigned_integer(value);
  }
  static T decode(const Object& object) {
    using Range = std::numeric_limits<T>;
    if constexpr (std::signed_integral<T>)
      return static_cast<T>(detail::decode_signed(object, Range::min(), Range::max()));
    else return static_cast<T>(detail::decode_unsigned(object, Range::max()));
  }
};

/// An int is read as a float, rounded to the nearest.
template <std::floating_point T>
struct Codec<T> {
  static void encode(pickle::Encoder& encoder, T value) {
    encoder.real(static_cast<double>(value));
  }
  static T decode(const Object& object) { return static_cast<T>(detail::decode_real(object)); }
};

/// As the number behind it; that it is one of those named is not checked.
template <class T>
  requires std::is_enum_v<T>
struct Codec<T> {
  using Number = std::underlying_type_t<T>;
  static void encode(pickle::Encoder& encoder, T value) {
    Codec<Number>::encode(encoder, static_cast<Number>(value));
  }
  static T decode(const Object& object) { return static_cast<T>(Codec<Number>::decode(object)); }
};

template <>
struct Codec<std::string> {
  static void encode(pickle::Encoder& encoder, const std::string& value) { encoder.str(value); }
  static std::string decode(const Object& object) { return object.get<std::string>(); }
};

/// Written only: what is read has to own its characters.
template <>
struct Codec<std::string_view> {
  static void encode(pickle::Encoder& encoder, std::string_view value) { encoder.str(value); }
};

/// Written only.
template <>
struct Codec<const char*> {
  static void encode(pickle::Encoder& encoder, const char* value) { encoder.str(value); }
};

/// A string literal. Written only.
template <std::size_t N>
struct Codec<char[N]> {
  static void encode(pickle::Encoder& encoder, const char (&value)[N]) {
    encoder.str(std::string_view(value));
  }
};

/// Python's bytes; a bytearray is read as well.
template <>
struct Codec<Bytes> {
  static void encode(pickle::Encoder& encoder, const Bytes& value) { encoder.bytes(value); }
  static Bytes decode(const Object& object) {
    if (const ByteArray* const array = object.get_if<ByteArray>()) return array->data;
    return object.get<Bytes>();
  }
};

/// Written only, as bytes.
template <>
struct Codec<std::span<const std::byte>> {
  static void encode(pickle::Encoder& encoder, std::span<const std::byte> value) {
    encoder.bytes(value);
  }
};

/// As float seconds, which is what Python's clocks speak.
template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static void encode(pickle::Encoder& encoder, Duration value) {
    encoder.real(std::chrono::duration<double>(value).count());
  }
  static Duration decode(const Object& object) {
    const std::chrono::duration<double> seconds(detail::decode_real(object));
    const std::chrono::duration<double, Period> exact(seconds);
    if constexpr (std::floating_point<Rep>) {
      return std::chrono::duration_cast<Duration>(exact);
    } else {
      const auto min = static_cast<double>(std::numeric_limits<Rep>::min());
      const auto max = static_cast<double>(std::numeric_limits<Rep>::max());
      detail::check_duration(exact.count(), min, max);
      return std::chrono::round<Duration>(exact);
    }
  }
};

template <>
struct Codec<Object> {
  static void encode(pickle::Encoder& encoder, const Object& value) { encoder.object(value); }
  static Object decode(const Object& object) { return object; }
};

template <>
struct Codec<BigInt> {
  static void encode(pickle::Encoder& encoder, const BigInt& value) { encoder.big_integer(value); }
  static BigInt decode(const Object& object) {
    if (const auto* const value = object.get_if<std::int64_t>()) return BigInt::from_int64(*value);
    return object.get<BigInt>();
  }
};

/// List, Tuple, Global, Reduce and so on: exactly that kind.
template <detail::HeldByObject T>
struct Codec<T> {
  static void encode(pickle::Encoder& encoder, const T& value) { encoder.object(Object(value)); }
  static T decode(const Object& object) { return object.get<T>(); }
};

}  // namespace shoal
