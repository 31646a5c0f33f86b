// A growable run of bytes whose new bytes are left as they are. Encoders write into one, and the
// same one again after clear(), which keeps the memory. A value type; not to be shared by threads
// while one of them writes.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace shoal {

/// The short members are in the header because an encoder calls them for every opcode.
class ByteBuffer {
 public:
  ByteBuffer() noexcept = default;
  explicit ByteBuffer(std::span<const std::byte> bytes) { append(bytes); }
  ByteBuffer(const ByteBuffer& other) { append(other.view()); }
  ByteBuffer(ByteBuffer&& other) noexcept { swap(other); }
  ByteBuffer& operator=(ByteBuffer other) noexcept {
    swap(other);
    return *this;
  }
  ~ByteBuffer();

  [[nodiscard]] std::byte* data() noexcept { return data_; }
  [[nodiscard]] const std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::byte* begin() noexcept { return data_; }
  [[nodiscard]] std::byte* end() noexcept { return data_ + size_; }
  [[nodiscard]] const std::byte* begin() const noexcept { return data_; }
  [[nodiscard]] const std::byte* end() const noexcept { return data_ + size_; }
  [[nodiscard]] std::span<const std::byte> view() const noexcept { return {data_, size_}; }

  /// Forgets the bytes, keeps the memory.
  void clear() noexcept { size_ = 0; }
  /// Makes room for `capacity` bytes in all. Throws std::bad_alloc.
  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity);
  }
  /// The bytes beyond the old size hold anything. Throws std::bad_alloc.
  void resize_uninitialized(std::size_t size) {
    reserve(size);
    size_ = size;
  }
  /// Adds `count` bytes holding anything and returns the first; valid until the next growth.
  std::byte* extend(std::size_t count) {
    if (count > capacity_ - size_) grow_by(count);
    std::byte* const added = data_ + size_;
    size_ += count;
    return added;
  }
  /// `bytes` must not lie in this buffer.
  void append(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void append(std::string_view text) { append(std::as_bytes(std::span(text))); }
  void push_back(std::byte byte) { *extend(1) = byte; }

  void swap(ByteBuffer& other) noexcept;
  friend bool operator==(const ByteBuffer& a, const ByteBuffer& b) noexcept;

 private:
  void grow(std::size_t capacity);
  void grow_by(std::size_t count);

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace shoal
