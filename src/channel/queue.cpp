#include <algorithm>
#include <array>
#include <shoal/error.hpp>
#include <shoal/queue.hpp>
#include <utility>
#include <vector>

#include "channel/queue_core.hpp"
#include "shm/shipment.hpp"

namespace shoal {
namespace {

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

// One of a thread is used again and again, but not what a huge item has blown up. A shipment is in
// progress for as long as it is in use: handles add their descriptors to it, or find them there.
struct QueueBase::Freight::State {
  ByteBuffer buffer;
  shm::Shipment shipment;
  std::optional<shm::Shipment::Scope> scope;
  bool of_thread = false;
  bool in_use = false;

  static State& own() {
    thread_local State state;
    state.of_thread = true;
    return state;
  }
};

QueueBase::Freight::Freight() {
  State& own = State::own();
  state_ = own.in_use ? new State : &own;
  state_->in_use = true;
  state_->buffer.clear();
  state_->scope.emplace(state_->shipment);
}

QueueBase::Freight::~Freight() {
  state_->scope.reset();
  if (!state_->of_thread) {
    delete state_;
    return;
  }
  if (!state_->shipment.fds().empty()) state_->shipment = {};
  if (state_->buffer.capacity() > kMostKept) state_->buffer = ByteBuffer();
  state_->in_use = false;
}

ByteBuffer& QueueBase::Freight::bytes() noexcept { return state_->buffer; }

void QueueBase::Freight::arrives(std::vector<os::Fd> fds) {
  state_->shipment = shm::Shipment(std::move(fds));
}

QueueBase::QueueBase(const QueueOptions& options) : core_(make_core(options)) {}
QueueBase::QueueBase(std::shared_ptr<channel::QueueCore> core) noexcept : core_(std::move(core)) {}

std::shared_ptr<channel::QueueCore> QueueBase::open_core(const std::string& name) {
  return channel::QueueCore::open(name);
}
std::shared_ptr<channel::QueueCore> QueueBase::attach_core(std::span<const int> descriptors) {
  return channel::QueueCore::attach(descriptors);
}
void QueueBase::unlink(const std::string& name) { channel::QueueCore::unlink(name); }

bool QueueBase::send(std::span<const std::byte> bytes, Raw raw, Nanoseconds timeout) const {
  return core_->ring().put({&bytes, 1}, static_cast<ring::Encoding>(raw), deadline_of(timeout));
}

bool QueueBase::send(Freight& pickled, Nanoseconds timeout) const {
  const auto bytes = pickled.state_->buffer.view();
  const auto& fds = pickled.state_->shipment.fds();
  if (fds.empty()) [[likely]]
    return send(bytes, Raw::kPickle, timeout);
  ring::Parcel parcel{fds};
  const std::array parts{std::as_bytes(std::span(&parcel.number, 1)), bytes};
  return core_->ring().put(parts, ring::Encoding::kParcel, deadline_of(timeout), &parcel);
}

std::optional<std::span<const std::byte>> QueueBase::receive(Freight& into, Raw& raw,
                                                             Nanoseconds timeout) const {
  ring::Ring& ring = core_->ring();
  const os::Deadline deadline = deadline_of(timeout);
  ByteBuffer& buffer = into.state_->buffer;
  buffer.resize_uninitialized(std::max(buffer.capacity(), kLeastRoom));
  ring::Record record;
  for (;;) {
    switch (ring.get(std::span(buffer.data(), buffer.size()), record, deadline)) {
      case ring::Get::kDone: break;
      case ring::Get::kTooSmall:
        buffer.resize_uninitialized(record.bytes);  // outside of the queue's lock
        continue;
      default: return std::nullopt;
    }
    buffer.resize_uninitialized(record.bytes);
    if (record.encoding == ring::Encoding::kParcel) {
      raw = Raw::kPickle;
      into.arrives(std::move(record.fds));
      return buffer.view().subspan(sizeof(ring::Parcel::number));
    }
    raw = static_cast<Raw>(record.encoding);
    const bool is_number = raw != Raw::kPickle;
    if (record.encoding > ring::Encoding::kFloat64 || (is_number && record.bytes != 8)) {
      throw Damaged("an item of unknown form in " + core_->segment().label());
    }
    return buffer.view();
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
std::vector<int> QueueBase::descriptors() const { return core_->descriptors(); }

bool operator==(const QueueBase& a, const QueueBase& b) noexcept {
  return &a.core_->segment() == &b.core_->segment();  // a process has each open once
}

}  // namespace shoal
