// The least that a message to a sleeper costs: a word, and a sleep on another, with no poll before.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>

#include "sample.hpp"

namespace bench {

/// A flag: set, wait, clear.
class Futex {
 public:
  void set() {
    word_->store(1);
    call(FUTEX_WAKE, INT_MAX);
  }
  void wait() {
    while (word_->load() == 0) call(FUTEX_WAIT, 0);
  }
  void clear() { word_->store(0); }

 private:
  void call(int operation, int value) {
    ::syscall(SYS_futex, word_.operator->(), operation, value, nullptr, nullptr, 0);
  }
  Shared<std::atomic<int>> word_;
};

/// Room for one message, which must have been taken before the next is put.
class FutexSlot {
 public:
  void put(long message) {
    message_->store(message, std::memory_order_relaxed);
    full_.set();
  }
  void get(long& message) {
    full_.wait();
    full_.clear();
    message = message_->load(std::memory_order_relaxed);
  }

 private:
  Shared<std::atomic<long>> message_;
  Futex full_;
};

}  // namespace bench
