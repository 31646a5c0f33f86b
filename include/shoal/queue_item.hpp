// How the items of a Queue<T> travel: numbers, spans of numbers and AsBytes raw, the rest as
// pickle.
#pragma once

#include <shoal/as_bytes.hpp>
#include <shoal/buffer.hpp>
#include <shoal/codec.hpp>
#include <shoal/numbers.hpp>
#include <shoal/queue_base.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace shoal::detail {

template <class T>
struct IsAsBytes : std::false_type {};
template <class T>
struct IsAsBytes<AsBytes<T>> : std::true_type {
  static ItemType type() noexcept { return {typeid(T).name(), sizeof(T)}; }
};

/// What was sent as another type: a list of numbers, or bytes.
Object object_of(std::span<const std::byte> bytes, Raw raw);

template <class T>
struct QueueItem {
  static constexpr bool kIsNumber =
      (std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T>;
  /// A string or a bytes object: a pickle that can be read and written without copying it.
  static constexpr bool kIsContent = std::same_as<T, std::string> || std::same_as<T, Bytes>;
  static constexpr Kind kContentKind = std::same_as<T, Bytes> ? Kind::bytes : Kind::string;
  /// A container of numbers, which stand one after another.
  using Number = typename SpanOfNumbers<T>::Number;
  static constexpr bool kIsSpan = !std::is_void_v<Number>;
  static constexpr bool kIsBytes = IsAsBytes<T>::value;

  /// The number as which a number travels, and what it is then.
  using Wide =
      std::conditional_t<std::floating_point<T>, double,
                         std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;
  static constexpr Raw kRaw = std::floating_point<T> ? Raw::kFloat64
                              : std::is_signed_v<T>  ? Raw::kInt64
                                                     : Raw::kUint64;

  /// What all items of such a queue have to be, where it is to know that.
  static ItemType type() noexcept {
    if constexpr (kIsBytes) return IsAsBytes<T>::type();
    else return {};
  }

  /// Appends the item, and says as what.
  static Raw encode(const T& item, ByteBuffer& out) {
    if constexpr (kIsSpan) {
      const std::uint64_t type = NumberType::of<Number>().word();
      out.append(std::as_bytes(std::span(&type, 1)));
      out.append(std::as_bytes(std::span(item)));
      return Raw::kNumbers;
    } else if constexpr (kIsBytes) {
      out.append(item.bytes());
      return Raw::kBytes;
    } else {
      dumps(item, out);
      return Raw::kPickle;
    }
  }

  /// The item of a record of that form. Throws what the codec throws.
  static T decoded(std::span<const std::byte> bytes, Raw raw) {
    switch (raw) {
      case Raw::kPickle: return loads<T>(bytes);
      case Raw::kInt64: return from_number<std::int64_t>(bytes);
      case Raw::kUint64: return from_number<std::uint64_t>(bytes);
      case Raw::kFloat64: return from_number<double>(bytes);
      default: break;
    }
    if constexpr (kIsSpan) {
      if (raw == Raw::kNumbers) {
        T item{};
        read_numbers(sound_numbers_in(bytes), item);
        return item;
      }
    } else if constexpr (kIsBytes) {
      if (raw == Raw::kBytes) return T::from(bytes);
    }
    return decode<T>(object_of(bytes, raw));
  }

  /// The same into one whose memory is used again.
  static void decode_into(T& item, std::span<const std::byte> bytes, Raw raw) {
    if constexpr (kIsSpan) {
      if (raw == Raw::kNumbers) return read_numbers(sound_numbers_in(bytes), item);
    }
    item = decoded(bytes, raw);
  }

 private:
  // A number of the other kind or another size goes the long way, which checks its range.
  template <class Wider>
  static T from_number(std::span<const std::byte> bytes) {
    Wider number{};
    std::memcpy(&number, bytes.data(), sizeof number);
    if constexpr (std::same_as<T, Wider>) {
      return number;
    } else {
      return decode<T>(Object(number));
    }
  }
};

}  // namespace shoal::detail
