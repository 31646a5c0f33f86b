// A pickle and its out-of-band buffers (protocol 5) as one run of bytes, in which each buffer can
// be read, or written, where it stands.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace shoal::pickle {

/// Where the parts of a bundle stand, in bytes from its start. Part of the format: a head, the
/// places of the buffers, the buffers themselves, the pickle.
struct BundleHead {
  std::uint64_t buffers = 0;  ///< how many
  std::uint64_t pickle = 0;   ///< where it begins; it goes on to the end
};
struct BundlePlace {
  std::uint64_t begin = 0;
  std::uint64_t size = 0;
};

/// Buffers begin at multiples of this.
constexpr std::uint64_t kBufferAlignment = 64;

/// The pickle of a bundle that is a bytes object and nothing else: its only buffer, read-only.
constexpr std::array<std::byte, 5> kLonePickle{std::byte{0x80}, std::byte{5}, std::byte{0x97},
                                               std::byte{0x98}, std::byte{'.'}};

/// A bundle that is to be written: parts to be joined. What is given stays where it is.
class BundleParts {
 public:
  BundleParts(std::span<const std::span<const std::byte>> buffers,
              std::span<const std::byte> pickle);
  [[nodiscard]] std::span<const std::span<const std::byte>> parts() const noexcept {
    return parts_;
  }

 private:
  std::vector<std::uint64_t> head_;
  std::vector<std::span<const std::byte>> parts_;
};

/// Writes a bundle around buffers that stand in the `content` of `room` already, at `places`: head
/// and places before the content, the pickle behind it. Its size; 0 where there is no room for it:
/// then nothing was written.
std::uint64_t write_around(std::span<std::byte> room, const BundlePlace& content,
                           std::span<const BundlePlace> places,
                           std::span<const std::byte> pickle) noexcept;

/// A bundle that is read in place.
class Bundle {
 public:
  /// nullopt where that is none.
  static std::optional<Bundle> in(std::span<const std::byte> bytes);

  [[nodiscard]] std::span<const std::span<const std::byte>> buffers() const noexcept {
    return buffers_;
  }
  [[nodiscard]] std::span<const std::byte> pickle() const noexcept { return pickle_; }
  /// The content of a bytes object, where it is nothing else.
  [[nodiscard]] std::optional<std::span<const std::byte>> lone() const noexcept;

 private:
  std::vector<std::span<const std::byte>> buffers_;
  std::span<const std::byte> pickle_;
};

}  // namespace shoal::pickle
