// Items that travel as the bytes that they are in memory.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/codec_scalars.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

namespace shoal {

namespace detail {
/// Throws PickleError where `found` are not so many bytes.
void check_bytes(std::size_t found, std::size_t expected);
}  // namespace detail

/// A T whose bytes travel as they are: Queue<AsBytes<Point>>. It is made of a T and read as one
/// without a word (`Point p = queue.get();`), or by `*` and `->`. A queue of these holds no other
/// items: it notes T's name and size, and whoever joins it as a queue of another such type gets
/// WrongKind. Python, and C++ as Queue<Bytes> or Queue<Object>, read the bytes.
///
/// All that is in a T has to mean the same in every process: no pointers. The bytes between its
/// fields travel, too.
template <class T>
  requires std::is_trivially_copyable_v<T>
class AsBytes {
 public:
  AsBytes()
    requires std::default_initializable<T>
  = default;
  AsBytes(const T& value) noexcept : value_(value) {}    // NOLINT: stands for it
  operator const T&() const noexcept { return value_; }  // NOLINT: the same
  [[nodiscard]] const T& operator*() const noexcept { return value_; }
  [[nodiscard]] T& operator*() noexcept { return value_; }
  [[nodiscard]] const T* operator->() const noexcept { return &value_; }
  [[nodiscard]] T* operator->() noexcept { return &value_; }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return std::as_bytes(std::span(&value_, 1));
  }
  /// Throws PickleError where they are not as many as a T has.
  [[nodiscard]] static AsBytes from(std::span<const std::byte> bytes) {
    detail::check_bytes(bytes.size(), sizeof(T));
    std::array<std::byte, sizeof(T)> copy{};
    std::copy(bytes.begin(), bytes.end(), copy.begin());
    return std::bit_cast<T>(copy);
  }

 private:
  T value_{};
};

/// As bytes.
template <class T>
struct Codec<AsBytes<T>> {
  static void encode(pickle::Encoder& encoder, const AsBytes<T>& value) {
    encoder.bytes(value.bytes());
  }
  static AsBytes<T> decode(const Object& object) {
    return AsBytes<T>::from(Codec<Bytes>::decode(object));
  }
};

}  // namespace shoal
