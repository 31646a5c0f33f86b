// An item of a queue that is read where it stands.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <shoal/buffer.hpp>
#include <span>
#include <utility>

#include "channel/queue_core.hpp"

namespace shoal::channel {

/// What was taken from a queue, which lives as long: in an extent, or in memory of its own.
class ViewCore {
 public:
  explicit ViewCore(std::shared_ptr<QueueCore> queue) noexcept : queue_(std::move(queue)) {}

  /// Takes the next item. False where the deadline passed. Throws what Ring::get() does.
  bool take(os::Deadline deadline);
  /// The content of a bytes object, or the only buffer; nothing where it has none.
  [[nodiscard]] std::optional<std::span<std::byte>> content() const;
  [[nodiscard]] const QueueCore& queue() const noexcept { return *queue_; }

 private:
  std::shared_ptr<QueueCore> queue_;
  ByteBuffer copy_;
  ring::Record record_;
};

}  // namespace shoal::channel
