// Whether a descriptor can be read from, and queues that are asked for theirs.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <shoal/queue.hpp>
#include <string>

namespace support {

inline bool readable(int fd,
                     std::chrono::milliseconds timeout = std::chrono::milliseconds::zero()) {
  pollfd asked{fd, POLLIN, 0};
  return ::poll(&asked, 1, static_cast<int>(timeout.count())) == 1 && (asked.revents & POLLIN) != 0;
}

// A queue with a name or without one, for the length of a test.
template <class T>
class Subject {
 public:
  explicit Subject(bool named, std::ptrdiff_t maxsize = 0)
      : queue_(shoal::QueueOptions{.maxsize = maxsize, .name = named ? new_name() : ""}) {}
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  ~Subject() {
    if (has_name_) unlink();
  }
  shoal::Queue<T>& operator*() { return queue_; }
  void unlink() {
    has_name_ = false;
    shoal::Queue<T>::unlink(queue_.name());
  }

 private:
  static std::string new_name() {
    static int count = 0;
    return "readable-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  }
  shoal::Queue<T> queue_;
  bool has_name_ = !queue_.name().empty();
};

}  // namespace support
