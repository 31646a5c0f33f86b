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
  template <std::size_t kBytes>
  void put(const void* payload) {
    constexpr std::uint64_t kNeed = need(kBytes);
    std::uint64_t at = tail_.load(std::memory_order_relaxed);
    if (const std::uint64_t rest = kSize - at % kSize; rest < kNeed) [[unlikely]] {
      wait_for_room(at + rest);
      write_header(at, kLink);
      at += rest;
    }
    wait_for_room(at + kNeed);
    write_header(at, kBytes);
    std::memcpy(records_ + at % kSize + kHeader, payload, kBytes);
    tail_.store(at + kNeed, std::memory_order_release);  // pairs with wait_for_record()
  }

  template <std::size_t kBytes>
  void get(void* payload) {
    std::uint64_t at = head_.load(std::memory_order_relaxed);
    wait_for_record(at);
    if (read_header(at) == kLink) [[unlikely]] {
      at += kSize - at % kSize;
      wait_for_record(at);
    }
    if (read_header(at) != kBytes) throw std::runtime_error("a record of another size");
    std::memcpy(payload, records_ + at % kSize + kHeader, kBytes);
    head_.store(at + need(kBytes), std::memory_order_release);  // pairs with wait_for_room()
  }

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
  void wait_for_record(std::uint64_t at) noexcept {
    while (at == tail_seen_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (at == tail_seen_) relax();
    }
  }

  // Positions count bytes and never turn back; a place is the position modulo the size.
  alignas(kLine) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_seen_ = 0;  // the producer's
  alignas(kLine) std::atomic<std::uint64_t> head_{0};
  std::uint64_t tail_seen_ = 0;  // the consumer's
  alignas(kLine) std::byte records_[kSize];
};

}  // namespace bench
