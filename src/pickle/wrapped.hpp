// A string or a bytes object as a pickle that is put around it: so nobody copies a large one into a
// pickle, or out of one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <shoal/object.hpp>
#include <span>

namespace shoal::pickle {

/// What stands before the content; behind it stands kEnd.
struct Prefix {
  std::array<std::byte, 11> bytes{};
  std::size_t size = 0;
  [[nodiscard]] std::span<const std::byte> view() const noexcept { return {bytes.data(), size}; }
};
constexpr std::byte kEnd{'.'};
/// `kind` is string or bytes.
[[nodiscard]] Prefix prefix_for(Kind kind, std::uint64_t size) noexcept;

/// The content of a small one that was written in this way; a string is UTF-8 then. Its data() is
/// nullptr where it was not.
[[nodiscard]] std::span<const std::byte> unwrapped(Kind kind,
                                                   std::span<const std::byte> pickle) noexcept;

/// The length of the prefix of a large one.
constexpr std::size_t kLongPrefix = 11;
/// Size of the content of a pickle of `bytes` bytes that begins with `start`, if it is a large one
/// and was written in this way; else 0.
[[nodiscard]] std::uint64_t wrapped_size(Kind kind, std::span<const std::byte> start,
                                         std::uint64_t bytes) noexcept;

}  // namespace shoal::pickle
