// Between C++ values and pickles: dumps and loads, and the mapping of types (see codec_base.hpp).
#pragma once

#include <shoal/buffer.hpp>
#include <shoal/codec_base.hpp>
#include <shoal/codec_containers.hpp>
#include <shoal/codec_fields.hpp>
#include <shoal/codec_scalars.hpp>

#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <string>

namespace shoal {

/// Appends a pickle of `value` to `out`; a buffer cleared and used again costs no allocation.
/// Throws PickleError for a value that has no pickle (a string that is not UTF-8), and what
/// Codec<T> throws; `out` then ends in an unfinished pickle.
template <class T>
void dumps(const T& value, ByteBuffer& out) {
  pickle::Encoder encoder(out);
  encode(encoder, value);
  encoder.finish();
}

template <class T>
[[nodiscard]] ByteBuffer dumps(const T& value) {
  ByteBuffer out;
  dumps(value, out);
  return out;
}

namespace detail {
template <class T>
concept Scalar = std::same_as<T, bool> || Integer<T> || std::floating_point<T> ||
                 std::same_as<T, std::string> || std::same_as<T, Bytes>;

/// `scalar` as a T if it is one as it stands; what needs a conversion is left to Codec.
template <Scalar T>
std::optional<T> from_scalar(const pickle::Scalar& scalar) {
  if constexpr (std::same_as<T, bool>) {
    if (scalar.kind == Kind::boolean) return scalar.integer != 0;
  } else if constexpr (Integer<T>) {
    const auto value = static_cast<T>(scalar.integer);
    const bool same = static_cast<std::int64_t>(value) == scalar.integer;
    const bool same_sign = (value < T{}) == (scalar.integer < 0);
    if (scalar.kind == Kind::integer && same && same_sign) return value;
  } else if constexpr (std::floating_point<T>) {
    if (scalar.kind == Kind::real) return static_cast<T>(scalar.real);
  } else if constexpr (std::same_as<T, std::string>) {
    const auto* const text = reinterpret_cast<const char*>(scalar.bytes.data());
    if (scalar.kind == Kind::string) return std::string(text, scalar.bytes.size());
  } else {
    if (scalar.kind == Kind::bytes) return Bytes(scalar.bytes.begin(), scalar.bytes.end());
  }
  return std::nullopt;
}
}  // namespace detail

/// Reads a pickle as a T. Throws PickleError if it is malformed, beyond `limits`, or of another
/// type. Where the pickle refers to one value twice, a T gets two copies.
template <class T>
[[nodiscard]] T loads(std::span<const std::byte> bytes, const pickle::Limits& limits = {}) {
  if constexpr (detail::Scalar<T>) {
    if (const std::optional<pickle::Scalar> scalar = pickle::scan_scalar(bytes))
      if (std::optional<T> value = detail::from_scalar<T>(*scalar)) return *std::move(value);
  }
  return decode<T>(pickle::load(bytes, limits));
}

}  // namespace shoal
