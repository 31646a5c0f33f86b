// What a handle of a queue shares: the segment, the ring in it, and what this process made of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "ring/ring.hpp"

namespace shoal::channel {

/// Death: ring.hpp. Thread, process and fork safe.
class QueueCore {
 public:
  /// `maxsize` 0: no limit.
  static std::shared_ptr<QueueCore> create(std::uint64_t maxsize);
  static std::shared_ptr<QueueCore> create(std::uint64_t maxsize, const std::string& name);
  static std::shared_ptr<QueueCore> open(const std::string& name);
  static std::shared_ptr<QueueCore> attach(os::Fd file);
  static void unlink(const std::string& name);

  explicit QueueCore(std::shared_ptr<shm::Segment> segment);

  /// The ring; throws ClosedError after close().
  ring::Ring& ring() {
    if (closed_.load(std::memory_order_relaxed)) [[unlikely]]
      throw_closed();
    return ring_;
  }
  /// The ring, closed or not.
  ring::Ring& ring_in_any_state() noexcept { return ring_; }

  /// This process uses the queue no longer; what was put stays. Others are not concerned.
  void close() noexcept { closed_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }
  [[nodiscard]] const shm::Segment& segment() const noexcept { return ring_.segment(); }

 private:
  [[noreturn]] void throw_closed() const;
  ring::Ring ring_;
  std::atomic<bool> closed_{false};
};

}  // namespace shoal::channel
