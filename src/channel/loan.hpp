// Memory of a queue in which an item is written before it is put.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "channel/queue_core.hpp"
#include "pickle/bundle.hpp"

namespace shoal::channel {

/// An extent in which the content of an item is written: it becomes a buffer of the item's bundle,
/// around which there is room for the rest. A value that moves; freed at the end of its life.
/// Death, fork: ring/extents.hpp. Not to be used by two threads at a time.
class LoanCore {
 public:
  LoanCore() noexcept = default;
  /// Throws OutOfMemory; std::invalid_argument where it is more than the queue's max_bytes.
  LoanCore(std::shared_ptr<QueueCore> queue, std::uint64_t size);
  LoanCore(LoanCore&& other) noexcept = default;
  LoanCore& operator=(LoanCore&& other) noexcept {
    std::swap(queue_, other.queue_);  // what was here goes with the other, memory before queue
    std::swap(lent_, other.lent_);
    std::swap(size_, other.size_);
    return *this;
  }
  LoanCore(const LoanCore&) = delete;
  LoanCore& operator=(const LoanCore&) = delete;
  ~LoanCore() = default;

  /// Empty where there is none any more.
  explicit operator bool() const noexcept { return static_cast<bool>(lent_); }
  /// Begins at a page.
  [[nodiscard]] std::span<std::byte> content() const noexcept;
  [[nodiscard]] const QueueCore* queue() const noexcept { return queue_.get(); }
  /// Whether this process has it, not one that this was forked from.
  [[nodiscard]] bool is_ours() const noexcept { return lent_.is_ours(); }

  /// Makes a bundle of it: `pickle` with buffers that stand at these places of the content. The
  /// bytes of that, or 0 where it has no room for them. Throws std::logic_error where it is not
  /// this process's.
  std::uint64_t wrap(std::span<const std::span<const std::byte>> buffers,
                     std::span<const std::byte> pickle);
  /// The whole content as a bytes object.
  std::uint64_t wrap_all();
  /// Puts a bundle of so many bytes. False where the deadline passed: it is still there then.
  /// Throws what Ring::put_lent() does.
  bool put(std::uint64_t bytes, os::Deadline deadline);

 private:
  std::shared_ptr<QueueCore> queue_;
  ring::Lent lent_;
  std::uint64_t size_ = 0;
};

}  // namespace shoal::channel
