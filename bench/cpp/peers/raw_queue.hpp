// The raw ring, raw_ring.hpp.
#pragma once

#include <span>
#include <vector>

#include "message.hpp"
#include "raw_ring.hpp"
#include "sample.hpp"

namespace bench {

template <std::size_t kBytes>
class RawQueue {
 public:
  void put(Message<kBytes>& message) {
    ring_->template write<kBytes>(data_of(message));
    ring_->publish();
  }
  void get(Message<kBytes>& message) {
    ring_->wait();
    ring_->template read<kBytes>(data_of(message));
    ring_->release();
  }
  void put_many(std::vector<Message<kBytes>>& messages) {
    for (auto& message : messages) ring_->template write<kBytes>(data_of(message));
    ring_->publish();
  }
  std::size_t get_many(std::span<Message<kBytes>> messages) {
    ring_->wait();
    std::size_t count = 0;
    do {
      ring_->template read<kBytes>(data_of(messages[count]));
    } while (++count < messages.size() && ring_->readable());
    ring_->release();
    return count;
  }

 private:
  Shared<RawRing> ring_;
};

}  // namespace bench
