#include "ring/bell.hpp"

#include "os/watch.hpp"

namespace shoal::ring {

Bell::~Bell() { os::Fd(watch_.load(std::memory_order_relaxed)).reset(); }

int Bell::descriptor() const noexcept {
  return hold_ ? hold_.in() : watch_.load(std::memory_order_acquire);
}

// Seen by other threads, and by children, when it says what it should.
void Bell::make(bool is_on) {
  os::Fd watch = os::watch(segment_.fd(), segment_.label());
  if (is_on) raise();
  watch_.store(watch.release(), std::memory_order_release);
}

void Bell::raise() const {
  if (hold_) {
    hold_.raise();
  } else {
    os::touch(segment_.fd(), segment_.label());
  }
}

void Bell::lower() const noexcept {
  if (hold_) {
    hold_.lower();
  } else if (const int watch = descriptor(); watch != -1) {
    os::calm(watch, segment_.fd());
  }
}

}  // namespace shoal::ring
