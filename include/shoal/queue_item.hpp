// How the items of a Queue<T> travel: numbers raw, the rest as pickle.
#pragma once

#include <shoal/codec.hpp>
#include <shoal/queue_base.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

namespace shoal::detail {

template <class T>
struct QueueItem {
  static constexpr bool kIsNumber =
      (std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T>;
  /// A string or a bytes object: a pickle that can be read and written without copying it.
  static constexpr bool kIsContent = std::same_as<T, std::string> || std::same_as<T, Bytes>;
  static constexpr Kind kContentKind = std::same_as<T, Bytes> ? Kind::bytes : Kind::string;

  /// The number as which a number travels, and what it is then.
  using Wide =
      std::conditional_t<std::floating_point<T>, double,
                         std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;
  static constexpr Raw kRaw = std::floating_point<T> ? Raw::kFloat64
                              : std::is_signed_v<T>  ? Raw::kInt64
                                                     : Raw::kUint64;

  /// The item of a record. Throws what the codec throws.
  static T decoded(std::span<const std::byte> bytes, Raw raw) {
    switch (raw) {
      case Raw::kPickle: return loads<T>(bytes);
      case Raw::kInt64: return from_number<std::int64_t>(bytes);
      case Raw::kBundle: return decode<T>(pickle::load_bundle(bytes));
      case Raw::kUint64: return from_number<std::uint64_t>(bytes);
      default: return from_number<double>(bytes);
    }
  }

 private:
  // A number of the other kind or another size goes the long way, which checks its range.
  template <class Number>
  static T from_number(std::span<const std::byte> bytes) {
    Number number{};
    std::memcpy(&number, bytes.data(), sizeof number);
    if constexpr (std::same_as<T, Number>) {
      return number;
    } else {
      return decode<T>(Object(number));
    }
  }
};

}  // namespace shoal::detail
