// What a handle of a queue shares: the segment, the ring in it, and what this process made of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "os/clock.hpp"
#include "os/fd.hpp"
#include "os/task.hpp"
#include "ring/ring.hpp"

namespace shoal::channel {

/// Death: ring.hpp. Thread, process and fork safe.
class QueueCore {
 public:
  using Options = ring::Options;
  static std::shared_ptr<QueueCore> create(const Options& options);
  static std::shared_ptr<QueueCore> create(const Options& options, const std::string& name);
  static std::shared_ptr<QueueCore> open(const std::string& name);
  /// Takes the descriptor over where it succeeds, and only there.
  static std::shared_ptr<QueueCore> attach(os::Fd&& file);
  /// The same with the two of its hold.
  static std::shared_ptr<QueueCore> attach(os::Fd&& file, os::Fd in, os::Fd out);
  /// The same for bare descriptors: the segment's, and the two of the hold, if any. Throws
  /// std::invalid_argument, and WrongKind where a `joinable` one is wanted and this is none, or one
  /// of an `item` that this has not.
  static std::shared_ptr<QueueCore> attach(std::span<const int> descriptors, bool joinable = false,
                                           const ring::ItemType& item = {});
  /// What attach() takes, borrowed.
  [[nodiscard]] std::vector<int> descriptors() const;
  static void unlink(const std::string& name);
  /// Throws WrongKind where items of this queue are not to be ended.
  void check_joinable() const;
  /// Throws WrongKind where its items are not of that type.
  void check_item(const ring::ItemType& item) const;

  explicit QueueCore(std::shared_ptr<shm::Segment> segment);

  /// The ring; throws ClosedError after close().
  ring::Ring& ring() {
    if (closed()) [[unlikely]]
      throw_closed();
    return ring_;
  }
  /// The ring, closed or not.
  ring::Ring& ring_in_any_state() noexcept { return ring_; }

  /// This process uses the queue no longer; what was put stays. Others are not concerned, and
  /// children of this process are others, however they are started.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept {
    return closed_by_.load(std::memory_order_relaxed) != 0 && closed_here();
  }
  [[nodiscard]] const shm::Segment& segment() const noexcept { return ring_.segment(); }
  /// Where handles are kept on their way; empty where they cannot travel through this queue.
  [[nodiscard]] const ring::Hold& hold() const noexcept { return ring_.hold(); }

 private:
  [[noreturn]] void throw_closed() const;
  [[nodiscard]] bool closed_here() const noexcept;
  ring::Ring ring_;
  // Task word of the process that called close(), or 0. In a forked child it is that of another.
  std::atomic<os::TaskWord> closed_by_{0};
};

}  // namespace shoal::channel
