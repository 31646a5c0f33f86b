#include <algorithm>
#include <array>
#include <shoal/error.hpp>
#include <shoal/queue.hpp>
#include <utility>

#include "channel/queue_core.hpp"

namespace shoal {
namespace {

// A thread's buffer, used again and again. One that a huge item has blown up is not kept.
struct ThreadBuffer {
  ByteBuffer buffer;
  bool in_use = false;
};
thread_local ThreadBuffer thread_buffer;
constexpr std::size_t kMostKept = 64U << 20U;
constexpr std::size_t kLeastRoom = 1024;

std::uint64_t limit_of(std::ptrdiff_t maxsize) {
  return maxsize <= 0 ? 0 : static_cast<std::uint64_t>(maxsize);
}

std::shared_ptr<channel::QueueCore> make_core(const QueueOptions& options) {
  const std::uint64_t limit = limit_of(options.maxsize);
  return options.name.empty() ? channel::QueueCore::create(limit)
                              : channel::QueueCore::create(limit, options.name);
}

// The longest time stands for "no limit".
os::Deadline deadline_of(std::chrono::nanoseconds timeout) {
  return timeout == std::chrono::nanoseconds::max() ? os::Deadline::never()
                                                    : os::Deadline::after(timeout);
}

}  // namespace

QueueBase::Scratch::Scratch() {
  const bool free = !std::exchange(thread_buffer.in_use, true);
  buffer_ = free ? &thread_buffer.buffer : &own_;
  buffer_->clear();
}

QueueBase::Scratch::~Scratch() {
  if (buffer_ != &thread_buffer.buffer) return;
  thread_buffer.in_use = false;
  if (buffer_->capacity() > kMostKept) *buffer_ = ByteBuffer();
}

QueueBase::QueueBase(const QueueOptions& options) : core_(make_core(options)) {}
QueueBase::QueueBase(std::shared_ptr<channel::QueueCore> core) noexcept : core_(std::move(core)) {}

std::shared_ptr<channel::QueueCore> QueueBase::open_core(const std::string& name) {
  return channel::QueueCore::open(name);
}
std::shared_ptr<channel::QueueCore> QueueBase::attach_core(int descriptor) {
  return channel::QueueCore::attach(descriptor);
}
void QueueBase::unlink(const std::string& name) { channel::QueueCore::unlink(name); }

bool QueueBase::send(std::span<const std::byte> bytes, Raw raw, Nanoseconds timeout) const {
  return core_->ring().put({&bytes, 1}, static_cast<ring::Encoding>(raw), deadline_of(timeout));
}

bool QueueBase::receive(ByteBuffer& into, Raw& raw, Nanoseconds timeout) const {
  ring::Ring& ring = core_->ring();
  const os::Deadline deadline = deadline_of(timeout);
  into.resize_uninitialized(std::max(into.capacity(), kLeastRoom));
  ring::Record record;
  for (;;) {
    switch (ring.get(std::span(into.data(), into.size()), record, deadline)) {
      case ring::Get::kDone: break;
      case ring::Get::kTooSmall:
        into.resize_uninitialized(record.bytes);  // outside of the queue's lock
        continue;
      default: return false;
    }
    into.resize_uninitialized(record.bytes);
    raw = static_cast<Raw>(record.encoding);
    const bool is_number = raw != Raw::kPickle;
    if (record.encoding > ring::Encoding::kFloat64 || (is_number && record.bytes != 8)) {
      throw Damaged("an item of unknown form in " + core_->segment().label());
    }
    return true;
  }
}

std::size_t QueueBase::qsize() const { return core_->ring_in_any_state().items(); }
bool QueueBase::empty() const { return core_->ring_in_any_state().empty(); }
bool QueueBase::full() const { return maxsize() != 0 && qsize() >= maxsize(); }
void QueueBase::close() noexcept { core_->close(); }
bool QueueBase::closed() const noexcept { return core_->closed(); }
std::string QueueBase::name() const { return core_->segment().name(); }
std::size_t QueueBase::maxsize() const noexcept { return core_->ring_in_any_state().max_items(); }
int QueueBase::descriptor() const noexcept { return core_->segment().fd(); }

bool operator==(const QueueBase& a, const QueueBase& b) noexcept {
  return &a.core_->segment() == &b.core_->segment();  // a process has each open once
}

}  // namespace shoal
