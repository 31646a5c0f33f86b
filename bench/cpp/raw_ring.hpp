// The reference: how fast records of shoal's format travel when nothing is asked of them but speed.
//
// One producer, one consumer, a fixed size, no locks, no sleep (both spin on their cores), and no
// answer to a death. A record is what it is in shoal's ring: a header word and the payload, rounded
// up to 8 bytes; where it does not fit before the end, a link says that it stands at the start.
// Each side keeps its position in a line of its own, with the other's position as last seen.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "sample.hpp"

namespace bench {

class RawRing {
 public:
  /// Producer: one record, which publish() makes visible, alone or with others. They must fit into
  /// the ring together.
  template <std::size_t kBytes>
  void write(const void* payload) {
    constexpr std::uint64_t kNeed = need(kBytes);
    if (const std::uint64_t rest = kSize - written_ % kSize; rest < kNeed) [[unlikely]] {
      wait_for_room(written_ + rest);
      write_header(written_, kLink);
      written_ += rest;
    }
    wait_for_room(written_ + kNeed);
    write_header(written_, kBytes);
    std::memcpy(records_ + written_ % kSize + kHeader, payload, kBytes);
    written_ += kNeed;
  }
  void publish() noexcept { tail_.store(written_, std::memory_order_release); }  // with readable()

  /// Consumer: waits for a record.
  void wait() noexcept {
    while (!readable()) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (!readable()) relax();
    }
  }
  /// There was one more when the tail was last read.
  [[nodiscard]] bool readable() const noexcept { return read_ != tail_seen_; }
  /// Copies it; its memory is given back by release(), with that of others or alone.
  template <std::size_t kBytes>
  void read(void* payload) {
    if (read_header(read_) == kLink) [[unlikely]] {
      read_ += kSize - read_ % kSize;
    }
    if (read_header(read_) != kBytes) throw std::runtime_error("a record of another size");
    std::memcpy(payload, records_ + read_ % kSize + kHeader, kBytes);
    read_ += need(kBytes);
  }
  void release() noexcept {
    head_.store(read_, std::memory_order_release);
  }  // with wait_for_room()

 private:
  static constexpr std::uint64_t kSize = 8U << 20U;
  static constexpr std::uint64_t kHeader = 8;
  static constexpr std::uint64_t kLink = ~std::uint64_t{0};
  static constexpr std::size_t kLine = 128;

  static constexpr std::uint64_t need(std::uint64_t bytes) { return kHeader + (bytes + 7) / 8 * 8; }

  void write_header(std::uint64_t at, std::uint64_t header) noexcept {
    std::memcpy(records_ + at % kSize, &header, sizeof header);
  }
  [[nodiscard]] std::uint64_t read_header(std::uint64_t at) const noexcept {
    std::uint64_t header{};
    std::memcpy(&header, records_ + at % kSize, sizeof header);
    return header;
  }

  void wait_for_room(std::uint64_t end) noexcept {
    while (end - head_seen_ > kSize) {
      head_seen_ = head_.load(std::memory_order_acquire);
      if (end - head_seen_ > kSize) relax();
    }
  }

  // Positions count bytes and never turn back; a place is the position modulo the size.
  alignas(kLine) std::atomic<std::uint64_t> tail_{0};
  alignas(kLine) std::uint64_t written_ = 0;  // the producer's, and published by tail_
  std::uint64_t head_seen_ = 0;
  alignas(kLine) std::atomic<std::uint64_t> head_{0};
  alignas(kLine) std::uint64_t read_ = 0;  // the consumer's, and given back by head_
  std::uint64_t tail_seen_ = 0;
  alignas(kLine) std::byte records_[kSize];
};

}  // namespace bench
