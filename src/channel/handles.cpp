// How handles travel, as arguments of a process or through a queue: as the index of a descriptor in
// a shipment, and, for objects of sync/, the place of the object behind it.
#include <cstdint>
#include <shoal/barrier.hpp>
#include <shoal/codec.hpp>
#include <shoal/condition.hpp>
#include <shoal/error.hpp>
#include <shoal/event.hpp>
#include <shoal/lock.hpp>
#include <shoal/queue.hpp>
#include <shoal/semaphore.hpp>
#include <string>
#include <utility>
#include <vector>

#include "channel/queue_core.hpp"
#include "os/fd.hpp"
#include "shm/shipment.hpp"
#include "sync/barrier_core.hpp"
#include "sync/condition_core.hpp"
#include "sync/event_core.hpp"
#include "sync/lock_core.hpp"
#include "sync/semaphore_core.hpp"

namespace shoal {
namespace {

// A handle is written as a call of this function of Python, which C++ reads without calling it:
// arrive(type, index of its descriptor, whether it lies in a slab, and where). Some have more to
// tell behind these.
constexpr std::size_t kParts = 4;
constexpr const char* kModule = "shoal._handles";
constexpr const char* kFunction = "arrive";

constexpr const char* kQueue = "shoal.Queue";
constexpr const char* kJoinableQueue = "shoal.JoinableQueue";
constexpr const char* kSimpleQueue = "shoal.SimpleQueue";
constexpr const char* kLock = "shoal.Lock";
constexpr const char* kRLock = "shoal.RLock";
constexpr const char* kSemaphore = "shoal.Semaphore";
constexpr const char* kBoundedSemaphore = "shoal.BoundedSemaphore";
constexpr const char* kEvent = "shoal.Event";
constexpr const char* kCondition = "shoal.Condition";
constexpr const char* kBarrier = "shoal.Barrier";

using Owner = std::shared_ptr<const void>;

// Index of the descriptor in what is being sent.
std::int64_t ship(const char* type, int fd, Owner owner) {
  auto* shipment = shm::Shipment::current();
  if (shipment == nullptr) {
    throw ProcessError(std::string(type) +
                       " can only be sent through a queue, or as an argument of a process that is "
                       "being started; give it a name and open() it elsewhere");
  }
  return static_cast<std::int64_t>(shipment->add(fd, std::move(owner)));
}

Object as_object(Tuple parts) {
  return Object(
      Reduce{.callable = Object(Global{kModule, kFunction}), .args = Object(std::move(parts))});
}

// What stands for an object of sync/.
template <class Core>
Tuple parts_for(const char* type, const std::shared_ptr<Core>& core) {
  const sync::Place& place = core->place();
  return {{Object(type), Object(ship(type, place.segment().fd(), core)), Object(place.in_slab()),
           Object(static_cast<std::int64_t>(place.offset()))}};
}

template <class Core>
void encode_core(pickle::Encoder& encoder, const char* type, const std::shared_ptr<Core>& core) {
  encoder.object(as_object(parts_for(type, core)));
}

struct Arrived {
  os::Fd file;
  bool in_slab = false;
  std::uint64_t offset = 0;
};

// The parts of a handle, or nullptr.
const std::vector<Object>* find_parts(const Object& object) {
  const auto* call = object.get_if<Reduce>();
  if (call == nullptr) return nullptr;
  const auto* function = call->callable.get_if<Global>();
  const auto* parts = call->args.get_if<Tuple>();
  if (function == nullptr || parts == nullptr || parts->items.size() < kParts) return nullptr;
  return function->module == kModule && function->name == kFunction ? &parts->items : nullptr;
}

bool is_handle(const Object& object, const char* type) {
  const auto* parts = find_parts(object);
  const auto* name = parts == nullptr ? nullptr : parts->front().get_if<std::string>();
  return name != nullptr && *name == type;
}

const std::vector<Object>& parts_of(const Object& object, const char* type) {
  if (!is_handle(object, type))
    throw PickleError("expected a " + std::string(type) + ", found " + describe(object));
  return *find_parts(object);
}

os::Fd unship(const Object& index, const char* type) {
  auto* shipment = shm::Shipment::current();
  const auto* number = index.get_if<std::int64_t>();
  os::Fd file;
  if (shipment != nullptr && number != nullptr) {
    file = shipment->take(static_cast<std::size_t>(*number), type);
  }
  if (!file) throw PickleError("a " + std::string(type) + " without its descriptor");
  return file;
}

Arrived decode_handle(const Object& object, const char* type) {
  const auto& parts = parts_of(object, type);
  return {unship(parts[1], type), parts[2].get<bool>(),
          static_cast<std::uint64_t>(parts[3].get<std::int64_t>())};
}

// Of a class whose attach() takes a descriptor and the place behind it.
template <class Core>
std::shared_ptr<Core> decode_core(const Object& object, const char* type) {
  Arrived arrived = decode_handle(object, type);
  return Core::attach(std::move(arrived.file), arrived.in_slab, arrived.offset);
}

std::shared_ptr<sync::LockCore> decode_lock(const Object& object, sync::LockCore::Type type) {
  Arrived arrived = decode_handle(object, type == sync::LockCore::Type::kLock ? kLock : kRLock);
  return sync::LockCore::attach(type, std::move(arrived.file), arrived.in_slab, arrived.offset);
}

}  // namespace

// A queue's hold goes with it: its descriptors have the places of the other parts.
void detail::encode_queue(pickle::Encoder& encoder, const QueueBase& queue, QueueKind kind) {
  const char* type = kind == QueueKind::kQueue      ? kQueue
                     : kind == QueueKind::kJoinable ? kJoinableQueue
                                                    : kSimpleQueue;
  const auto& core = queue.core();
  const ring::Hold& hold = core->hold();
  const auto part = [&](int fd) { return fd == -1 ? Object() : Object(ship(type, fd, core)); };
  encoder.object(
      as_object({{Object(type), part(core->segment().fd()), part(hold.in()), part(hold.out())}}));
}
// Any queue does for any other: what it was made as, the object itself knows.
std::shared_ptr<channel::QueueCore> detail::decode_queue(const Object& object) {
  const char* type = is_handle(object, kJoinableQueue) ? kJoinableQueue
                     : is_handle(object, kSimpleQueue) ? kSimpleQueue
                                                       : kQueue;
  const auto& parts = parts_of(object, type);
  os::Fd file = unship(parts[1], type);
  if (parts[2].kind() == Kind::none) return channel::QueueCore::attach(std::move(file));
  os::Fd in = unship(parts[2], type);
  return channel::QueueCore::attach(std::move(file), std::move(in), unship(parts[3], type));
}

void Codec<Lock>::encode(pickle::Encoder& encoder, const Lock& lock) {
  encode_core(encoder, kLock, lock.core());
}
Lock Codec<Lock>::decode(const Object& object) {
  return Lock(decode_lock(object, sync::LockCore::Type::kLock));
}

void Codec<RLock>::encode(pickle::Encoder& encoder, const RLock& lock) {
  encode_core(encoder, kRLock, lock.core());
}
RLock Codec<RLock>::decode(const Object& object) {
  return RLock(decode_lock(object, sync::LockCore::Type::kRLock));
}

void Codec<Semaphore>::encode(pickle::Encoder& encoder, const Semaphore& semaphore) {
  encode_core(encoder, kSemaphore, semaphore.core());
}
// The two differ in what they were made with, which the object itself knows.
Semaphore Codec<Semaphore>::decode(const Object& object) {
  const bool bounded = is_handle(object, kBoundedSemaphore);
  return Semaphore(
      decode_core<sync::SemaphoreCore>(object, bounded ? kBoundedSemaphore : kSemaphore));
}
void Codec<BoundedSemaphore>::encode(pickle::Encoder& encoder, const BoundedSemaphore& semaphore) {
  encode_core(encoder, kBoundedSemaphore, semaphore.core());
}
BoundedSemaphore Codec<BoundedSemaphore>::decode(const Object& object) {
  return BoundedSemaphore(decode_core<sync::SemaphoreCore>(object, kBoundedSemaphore));
}

void Codec<Event>::encode(pickle::Encoder& encoder, const Event& event) {
  encode_core(encoder, kEvent, event.core());
}
Event Codec<Event>::decode(const Object& object) {
  return Event(decode_core<sync::EventCore>(object, kEvent));
}

// With the lock that it was given, if any.
void Codec<Condition>::encode(pickle::Encoder& encoder, const Condition& condition) {
  const auto& core = condition.core();
  Tuple parts = parts_for(kCondition, core);
  if (!core->own_lock()) {
    const bool plain = core->lock()->type() == sync::LockCore::Type::kLock;
    parts.items.push_back(as_object(parts_for(plain ? kLock : kRLock, core->lock())));
  }
  encoder.object(as_object(std::move(parts)));
}
Condition Codec<Condition>::decode(const Object& object) {
  const auto& parts = parts_of(object, kCondition);
  std::shared_ptr<sync::LockCore> lock;
  if (parts.size() > kParts) {
    using Type = sync::LockCore::Type;
    lock = decode_lock(parts[kParts], is_handle(parts[kParts], kLock) ? Type::kLock : Type::kRLock);
  }
  Arrived arrived = decode_handle(object, kCondition);
  return Condition(sync::ConditionCore::attach(std::move(arrived.file), arrived.in_slab,
                                               arrived.offset, std::move(lock)));
}

void Codec<Barrier>::encode(pickle::Encoder& encoder, const Barrier& barrier) {
  if (barrier.has_action()) {
    throw ProcessError(
        "a barrier with an action cannot be sent to a process that is not forked: make one without "
        "it, and let each party do what the party with index 0 is to do");
  }
  Tuple parts = parts_for(kBarrier, barrier.core());
  if (const auto timeout = barrier.timeout()) parts.items.emplace_back(timeout->count());
  encoder.object(as_object(std::move(parts)));
}
Barrier Codec<Barrier>::decode(const Object& object) {
  const auto& parts = parts_of(object, kBarrier);
  if (parts.size() > kParts + 1) {
    throw PickleError("a barrier whose action is a function of Python cannot be used here");
  }
  Barrier barrier(decode_core<sync::BarrierCore>(object, kBarrier));
  if (parts.size() > kParts) {
    barrier.timeout_ = std::chrono::nanoseconds(parts[kParts].get<std::int64_t>());
  }
  return barrier;
}

}  // namespace shoal
