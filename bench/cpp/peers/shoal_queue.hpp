// shoal's queue, as it comes: without a limit.
#pragma once

#include <shoal/queue.hpp>
#include <span>
#include <vector>

#include "message.hpp"

namespace bench {

template <std::size_t kBytes>
class ShoalQueue {
 public:
  void put(Message<kBytes>& message) { queue_.put(message); }
  void get(Message<kBytes>& message) { queue_.get_into(message); }
  void put_many(std::vector<Message<kBytes>>& messages) { queue_.put_many(messages); }
  [[nodiscard]] std::size_t size() const { return queue_.qsize(); }
  std::size_t get_many(std::span<Message<kBytes>> messages) {
    return queue_.get_many_into(messages);
  }

 private:
  shoal::Queue<Message<kBytes>> queue_;
};

}  // namespace bench
