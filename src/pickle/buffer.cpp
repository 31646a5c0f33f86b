#include <shoal/buffer.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace shoal {

namespace {
constexpr std::size_t kFirstCapacity = 64;
}

ByteBuffer::~ByteBuffer() { std::free(data_); }

void ByteBuffer::swap(ByteBuffer& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
}

bool operator==(const ByteBuffer& a, const ByteBuffer& b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

void ByteBuffer::grow(std::size_t capacity) {
  void* const moved = std::realloc(data_, capacity);  // large blocks move without being copied
  if (moved == nullptr) throw std::bad_alloc();
  data_ = static_cast<std::byte*>(moved);
  capacity_ = capacity;
}

void ByteBuffer::grow_by(std::size_t count) {
  if (count > static_cast<std::size_t>(-1) / 2 - size_) throw std::bad_alloc();
  grow(std::max({kFirstCapacity, size_ + count, capacity_ + capacity_ / 2}));
}

}  // namespace shoal
