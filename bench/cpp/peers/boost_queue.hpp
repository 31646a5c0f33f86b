// Boost.Interprocess: message_queue.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <boost/interprocess/ipc/message_queue.hpp>
#include <stdexcept>
#include <string>

#include "message.hpp"

namespace bench {

template <std::size_t kBytes>
class BoostQueue {
  using Queue = boost::interprocess::message_queue;

 public:
  BoostQueue() : queue_(boost::interprocess::create_only, name().c_str(), kMessages, kBytes) {
    Queue::remove(name().c_str());  // it lives on until it is unmapped
  }
  void put(Message<kBytes>& message) { queue_.send(data_of(message), kBytes, 0); }
  void get(Message<kBytes>& message) {
    Queue::size_type size = 0;
    unsigned priority = 0;
    queue_.receive(data_of(message), kBytes, size, priority);
    if (size != kBytes) throw std::runtime_error("a message of another size");
  }

 private:
  // As much memory as the raw ring has, but no more messages than is usual with this queue.
  static constexpr std::size_t kMessages = std::min<std::size_t>(1024, (8U << 20U) / kBytes);
  static std::string name() { return "shoal-bench-" + std::to_string(::getpid()); }
  Queue queue_;
};

}  // namespace bench
