#include <algorithm>
#include <array>
#include <shoal/error.hpp>
#include <shoal/numbers.hpp>
#include <shoal/queue.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "channel/freight.hpp"
#include "channel/queue_core.hpp"
#include "channel/timeout.hpp"
#include "os/copy.hpp"
#include "pickle/bundle.hpp"
#include "pickle/utf8.hpp"
#include "pickle/wrapped.hpp"

namespace shoal {

using channel::deadline_of;

namespace {

constexpr std::size_t kLeastRoom = 1024;
constexpr std::size_t kLeastRoomForMany = 64UL * 1024;
constexpr std::size_t kNumbersAtOnce = 64;
constexpr std::size_t kMostAtOnce = 8192;  // numbers are in 64 KiB, as much as one hold gives
constexpr ring::Patience kOnce{.lock = ring::Patience::Lock::kOnce};

std::uint64_t limit_of(std::ptrdiff_t maxsize) {
  return maxsize <= 0 ? 0 : static_cast<std::uint64_t>(maxsize);
}

std::shared_ptr<channel::QueueCore> make_core(const QueueOptions& options, bool joinable,
                                              const detail::ItemType& item) {
  if (options.redeliver && !joinable) {
    throw std::invalid_argument("only a JoinableQueue delivers items again");
  }
  const ring::Options made{.max_items = limit_of(options.maxsize),
                           .joinable = joinable,
                           .max_bytes = options.max_bytes,
                           .redeliver = options.redeliver,
                           .item = {item.name, item.size}};
  return options.name.empty() ? channel::QueueCore::create(made)
                              : channel::QueueCore::create(made, options.name);
}

// What stands in an extent is not to be copied there.
ring::Room all_of(ByteBuffer& buffer) noexcept {
  ring::Room room(std::span(buffer.data(), buffer.size()));
  room.in_place = true;
  return room;
}

void check_text(std::span<const std::byte> text) {
  const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
  if (!pickle::is_utf8(view)) {
    throw PickleError("expected UTF-8, found other bytes in a string: send it as Bytes");
  }
}

}  // namespace

QueueBase::QueueBase(const QueueOptions& options, bool joinable, const ItemType& item)
    : core_(make_core(options, joinable, item)) {}
QueueBase::QueueBase(std::shared_ptr<channel::QueueCore> core) noexcept : core_(std::move(core)) {}

std::shared_ptr<channel::QueueCore> QueueBase::open_core(const std::string& name) {
  return channel::QueueCore::open(name);
}
std::shared_ptr<channel::QueueCore> QueueBase::attach_core(std::span<const int> descriptors,
                                                           bool joinable, const ItemType& item) {
  return channel::QueueCore::attach(descriptors, joinable, {item.name, item.size});
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

bool QueueBase::send_span(std::uint64_t type, std::span<const std::byte> numbers,
                          Nanoseconds timeout) const {
  const std::array parts{std::as_bytes(std::span(&type, 1)), numbers};
  return core_->ring().put(parts, ring::Encoding::kNumbers, deadline_of(timeout));
}

bool QueueBase::send_content(Kind kind, std::span<const std::byte> content,
                             Nanoseconds timeout) const {
  if (kind == Kind::string) check_text(content);
  if (kind == Kind::bytes && content.size() >= ring::kFarFrom) {
    const pickle::BundleParts bundle({&content, 1}, pickle::kLonePickle);
    return core_->ring().put(bundle.parts(), ring::Encoding::kBundle, deadline_of(timeout));
  }
  const pickle::Prefix prefix = pickle::prefix_for(kind, content.size());
  const std::array parts{prefix.view(), content, std::span(&pickle::kEnd, 1)};
  return core_->ring().put(parts, ring::Encoding::kPickle, deadline_of(timeout));
}

QueueBase::Small QueueBase::receive_small(std::span<std::byte> room,
                                          std::span<const std::byte>& bytes, Raw& raw,
                                          Nanoseconds timeout) const {
  ring::Record record;
  switch (core_->ring().get(room, record, deadline_of(timeout))) {
    case ring::Get::kDone: break;
    case ring::Get::kTooSmall: return Small::kLarger;
    default: return Small::kNone;
  }
  bytes = received_small(room, record, raw);
  return Small::kCame;
}

// Descriptors that came with it are closed with the record: no number or content has a use for
// them.
std::span<const std::byte> QueueBase::received_small(std::span<std::byte> room,
                                                     const ring::Record& record, Raw& raw) const {
  std::span<const std::byte> bytes = room.first(record.bytes);
  raw = static_cast<Raw>(record.encoding);
  if (ring::is_parcel(record.encoding)) [[unlikely]] {
    bytes = bytes.subspan(sizeof(ring::Parcel::number));
    raw = record.encoding == ring::Encoding::kParcel ? Raw::kPickle : Raw::kBundle;
  }
  check_form(raw, bytes);
  return bytes;
}

// A large one goes straight to where it stays: the ring says how large it is, and it is taken into
// what was made for it, unless another consumer was quicker. One in an extent is copied from there.
// Memory for it is had before it is taken.
QueueBase::Content QueueBase::receive_content(Kind kind, const Vessel& vessel,
                                              std::span<std::byte> small,
                                              std::optional<Freight>& into,
                                              std::span<const std::byte>& bytes, Raw& raw,
                                              Nanoseconds timeout) const {
  ring::Ring& ring = core_->ring();
  const os::Deadline deadline = deadline_of(timeout);
  const auto into_vessel = [&](std::span<const std::byte> found) {
    if (found.data() == nullptr) return Content::kOther;
    const auto content = vessel.resize(vessel.object, found.size());
    os::copy(content.data(), found.data(), content.size());
    return Content::kCame;
  };
  ring::Record record;
  auto result = ring.get(small, record, deadline);
  if (result == ring::Get::kDone) [[likely]] {
    bytes = received_small(small, record, raw);
    return into_vessel(content_in(kind, bytes, raw));
  }
  if (result != ring::Get::kTooSmall) return Content::kNone;
  ByteBuffer& buffer = into.emplace().state_->buffer;
  for (bool prepared = false; result == ring::Get::kTooSmall;) {
    const auto size = record.encoding == ring::Encoding::kPickle
                          ? pickle::wrapped_size(kind, record.start, record.bytes)
                          : 0;
    if (size == 0) {
      const bool far = record.bytes >= ring::kFarFrom && !prepared;
      if (far) vessel.resize(vessel.object, record.bytes);
      if (!far) buffer.resize_uninitialized(record.bytes);
      prepared = prepared || far;
      ring::Room room = all_of(buffer);
      room.in_place = prepared;
      result = ring.get(room, record, deadline);
      continue;
    }
    std::array<std::byte, pickle::kLongPrefix> prefix{};
    const auto content = vessel.resize(vessel.object, size + 1);  // and the end of the pickle
    ring::Room room(prefix, content);
    room.in_place = true;
    result = ring.get(room, record, deadline);
    if (result != ring::Get::kDone || record.content) continue;
    if (record.encoding == ring::Encoding::kPickle &&
        pickle::wrapped_size(kind, prefix, record.bytes) == size) {
      vessel.resize(vessel.object, size);
      if (kind == Kind::string) check_text(content.first(size));
      return Content::kCame;
    }
    const std::size_t in_prefix = std::min<std::size_t>(record.bytes, prefix.size());
    buffer.clear();
    buffer.append(std::span(prefix).first(in_prefix));
    buffer.append(content.first(record.bytes - in_prefix));
  }
  if (result != ring::Get::kDone) return Content::kNone;
  bytes = received(*into, record, raw);
  check_form(raw, bytes);
  return into_vessel(content_in(kind, bytes, raw));
}

std::span<const std::byte> QueueBase::content_in(Kind kind, std::span<const std::byte> bytes,
                                                 Raw raw) {
  constexpr std::span<const std::byte> kNone;
  if (raw == Raw::kBundle && kind == Kind::bytes) {
    const auto bundle = pickle::Bundle::in(bytes);
    return bundle ? bundle->lone().value_or(kNone) : kNone;
  }
  if (raw != Raw::kPickle) return kNone;
  if (const auto content = pickle::unwrapped(kind, bytes); content.data() != nullptr) [[likely]]
    return content;
  const auto scalar = pickle::scan_scalar(bytes);
  return scalar && scalar->kind == kind ? scalar->bytes : kNone;
}

// What is in the freight, or beside it: a pickle, whose handles it has then, or a number.
std::span<const std::byte> QueueBase::received(Freight& into, ring::Record& record,
                                               Raw& raw) const {
  into.state_->deliveries = record.deliveries;
  if (record.content) {
    into.state_->content = std::move(record.content);
  } else {
    into.state_->buffer.resize_uninitialized(record.bytes);
  }
  if (!ring::is_parcel(record.encoding)) {
    raw = static_cast<Raw>(record.encoding);
    return into.received();
  }
  raw = record.encoding == ring::Encoding::kParcel ? Raw::kPickle : Raw::kBundle;
  into.arrives(std::move(record.fds));
  return into.received().subspan(sizeof(ring::Parcel::number));
}

bool QueueBase::send_many(Freight& pickled, Nanoseconds timeout, std::size_t& sent) const {
  const auto bytes = pickled.state_->buffer.view();
  const auto& slices = pickled.state_->slices;
  std::vector<std::span<const std::byte>> parts;
  std::vector<ring::Item> items;
  parts.reserve(slices.size());
  items.reserve(slices.size());
  for (const Slice& slice : slices) {
    parts.push_back(bytes.subspan(slice.offset, slice.size));
    items.push_back(
        {.payload = {&parts.back(), 1}, .encoding = static_cast<ring::Encoding>(slice.raw)});
  }
  return core_->ring().put_many(items, deadline_of(timeout), sent);
}

bool QueueBase::send_numbers(std::span<const std::byte> numbers, Raw raw, Nanoseconds timeout,
                             std::size_t& sent) const {
  constexpr std::size_t kSize = 8;
  std::array<std::span<const std::byte>, kNumbersAtOnce> parts;
  std::array<ring::Item, kNumbersAtOnce> items;
  const os::Deadline deadline = deadline_of(timeout);
  sent = 0;
  while (!numbers.empty()) {
    const std::size_t count = std::min(numbers.size() / kSize, kNumbersAtOnce);
    for (std::size_t i = 0; i < count; ++i) {
      parts[i] = numbers.subspan(i * kSize, kSize);
      items[i] = {{&parts[i], 1}, static_cast<ring::Encoding>(raw), nullptr};
    }
    std::size_t done = 0;
    const bool in_time = core_->ring().put_many({items.data(), count}, deadline, done);
    sent += done;
    if (!in_time) return false;
    numbers = numbers.subspan(count * kSize);
  }
  return true;
}

std::optional<std::span<const std::byte>> QueueBase::receive(Freight& into, Raw& raw,
                                                             Nanoseconds timeout) const {
  const os::Deadline deadline = deadline_of(timeout);
  const auto bytes = receive_by(into, raw, [&](const ring::Room& room, ring::Record& record) {
    return core_->ring().get(room, record, deadline);
  });
  if (bytes) check_form(raw, *bytes);
  return bytes;
}

template <class Get>
std::optional<std::span<const std::byte>> QueueBase::receive_by(Freight& into, Raw& raw,
                                                                Get get) const {
  ByteBuffer& buffer = into.state_->buffer;
  buffer.resize_uninitialized(std::max(buffer.capacity(), kLeastRoom));
  ring::Record record;
  for (;;) {
    switch (get(all_of(buffer), record)) {
      case ring::Get::kDone: break;
      case ring::Get::kTooSmall:
        buffer.resize_uninitialized(record.bytes);  // outside of the queue's lock
        continue;
      default: return std::nullopt;
    }
    return received(into, record, raw);
  }
}

template <class Get>
std::size_t QueueBase::receive_one_of_many(Freight& into, Get get) const {
  Raw raw{};
  const auto bytes = receive_by(into, raw, get);  // its form is checked with that of the others
  if (!bytes) return 0;
  const auto offset = static_cast<std::size_t>(bytes->data() - into.received().data());
  into.state_->slices.push_back({offset, bytes->size(), raw});
  return 1;
}

std::size_t QueueBase::receive_many(Freight& into, std::size_t most, bool first,
                                    Nanoseconds timeout) const {
  auto& slices = into.state_->slices;
  ByteBuffer& buffer = into.state_->buffer;
  buffer.resize_uninitialized(std::max(buffer.capacity(), kLeastRoomForMany));
  // Before anything is taken, and outside of the queue's lock.
  slices.reserve(std::min(most, kMostAtOnce));
  const os::Deadline deadline = deadline_of(timeout);
  ring::Ring& ring = core_->ring();
  auto& taken = into.state_->taken;
  taken.reserve(std::min(most, kMostAtOnce));
  const std::span room(buffer.data(), buffer.size());
  const auto result = first ? ring.get_many(room, most, taken, deadline)
                            : ring.try_get_many(room, most, taken, kOnce);
  if (result == ring::Get::kTooSmall || result == ring::Get::kAlone) {
    return receive_one_of_many(into, [&](const ring::Room& wide, ring::Record& record) {
      return first ? ring.get(wide, record, deadline) : ring.try_get(wide, record, kOnce);
    });
  }
  if (result != ring::Get::kDone) return 0;
  slices.resize(taken.size());
  std::ranges::transform(taken, slices.begin(), [](const ring::Slice& slice) {
    return Slice{slice.offset, slice.bytes, static_cast<Raw>(slice.encoding)};
  });
  return slices.size();
}

// Of what is no pickle and no number.
void QueueBase::check_other_form(Raw raw, std::span<const std::byte> bytes) const {
  const bool good = raw == Raw::kBundle || raw == Raw::kBytes ||
                    (raw == Raw::kNumbers && detail::numbers_in(bytes));
  if (!good) throw Damaged("an item of unknown form in " + core_->segment().label());
}

void QueueBase::check_item(const ItemType& item) const {
  core_->check_item({item.name, item.size});
}

std::size_t QueueBase::qsize() const { return core_->ring_in_any_state().items(); }
bool QueueBase::empty() const { return core_->ring_in_any_state().empty(); }
bool QueueBase::full() const { return core_->ring_in_any_state().full(); }
void QueueBase::shutdown(bool immediate) const { core_->ring_in_any_state().shut(immediate); }
int QueueBase::fileno() const { return core_->ring().signal_descriptor(); }
bool QueueBase::wait_readable_within(Nanoseconds timeout) const {
  return core_->ring().wait_for_item(deadline_of(timeout));
}
void QueueBase::check_joinable() const { core_->check_joinable(); }
void QueueBase::end_item() const { core_->ring_in_any_state().end_item(); }
bool QueueBase::join_within(Nanoseconds timeout) const {
  return core_->ring_in_any_state().join(deadline_of(timeout));
}
void QueueBase::close() noexcept { core_->close(); }
bool QueueBase::closed() const noexcept { return core_->closed(); }
std::string QueueBase::name() const { return core_->segment().name(); }
std::size_t QueueBase::maxsize() const noexcept { return core_->ring_in_any_state().max_items(); }
std::size_t QueueBase::max_bytes() const noexcept { return core_->ring_in_any_state().max_bytes(); }
int QueueBase::descriptor() const noexcept { return core_->segment().fd(); }
std::vector<int> QueueBase::descriptors() const { return core_->descriptors(); }

bool operator==(const QueueBase& a, const QueueBase& b) noexcept {
  return &a.core_->segment() == &b.core_->segment();  // a process has each open once
}

}  // namespace shoal
