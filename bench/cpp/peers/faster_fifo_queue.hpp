// faster-fifo's C++ core, which its Python package wraps: a ring of bytes under a mutex of pthread,
// with two conditions.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <stdexcept>
#include <vector>

#include "faster_fifo.hpp"
#include "message.hpp"
#include "sample.hpp"

namespace bench {

template <std::size_t kBytes>
class FasterFifoQueue {
 public:
  FasterFifoQueue() {
    if (queue_object_size() > sizeof(Memory::queue)) throw std::length_error("faster-fifo's queue");
    create_queue(memory_->queue, sizeof(Memory::records), kMessages);
  }
  void put(Message<kBytes>& message) {
    const void* data = data_of(message);
    put_all(&data, 1);
  }
  void get(Message<kBytes>& message) {
    take(1);
    copy(taken_.data(), message);
  }
  void put_many(std::vector<Message<kBytes>>& messages) {
    pointers_.clear();
    for (auto& message : messages) pointers_.push_back(data_of(message));
    put_all(pointers_.data(), pointers_.size());
  }
  std::size_t get_many(std::span<Message<kBytes>> messages) {
    const std::size_t count = take(messages.size());
    const std::byte* at = taken_.data();
    for (auto& message : messages.first(count)) {
      copy(at, message);
      at += kRecord;
    }
    return count;
  }

 private:
  static constexpr std::size_t kRecord = sizeof(std::size_t) + kBytes;
  static constexpr std::size_t kMessages = 1'000'000'000;  // the Python package's default
  static constexpr float kLong = 3600;                     // seconds
  struct Memory {
    alignas(128) std::byte queue[1024];
    alignas(128) std::byte records[8U << 20U];
  };

  void put_all(const void** data, std::size_t count) {
    sizes_.resize(count, kBytes);
    int status = Q_FULL;
    while (status == Q_FULL) {
      status = queue_put(memory_->queue, memory_->records, data, sizes_.data(), count, 1, kLong);
    }
    if (status != Q_SUCCESS) throw std::runtime_error("faster-fifo could not put");
  }
  std::size_t take(std::size_t most) {
    taken_.resize(most * kRecord);
    std::size_t count = 0;
    std::size_t bytes = 0;
    std::size_t needed = 0;
    int status = Q_EMPTY;
    while (status == Q_EMPTY) {
      status = queue_get(memory_->queue, memory_->records, taken_.data(), taken_.size(), most,
                         taken_.size(), &count, &bytes, &needed, 1, kLong);
    }
    if (status != Q_SUCCESS) throw std::runtime_error("faster-fifo could not get");
    return count;
  }
  // A record is a size and the message.
  static void copy(const std::byte* record, Message<kBytes>& message) {
    std::size_t size = 0;
    std::memcpy(&size, record, sizeof size);
    if (size != kBytes) throw std::runtime_error("a message of another size");
    std::memcpy(data_of(message), record + sizeof size, kBytes);
  }

  Shared<Memory> memory_;
  // Each process's own.
  std::vector<const void*> pointers_;
  std::vector<std::size_t> sizes_;
  std::vector<std::byte> taken_;
};

}  // namespace bench
