// How handles travel as arguments of a process: as the index of a descriptor in its shipment, and,
// for objects of sync/, the place of the object behind it.
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

constexpr const char* kQueue = "shoal.Queue";
constexpr const char* kLock = "shoal.Lock";
constexpr const char* kRLock = "shoal.RLock";
constexpr const char* kSemaphore = "shoal.Semaphore";
constexpr const char* kEvent = "shoal.Event";
constexpr const char* kCondition = "shoal.Condition";
constexpr const char* kBarrier = "shoal.Barrier";

void encode_handle(pickle::Encoder& encoder, const char* type, int fd, bool in_slab,
                   std::uint64_t offset) {
  auto* shipment = shm::Shipment::current();
  if (shipment == nullptr) {
    throw ProcessError(std::string(type) +
                       " can only be sent as an argument of a process that is being started; give "
                       "it a name and open() it elsewhere");
  }
  const auto index = static_cast<std::int64_t>(shipment->add(fd));
  encoder.persistent_id(Object(Tuple{
      {Object(type), Object(index), Object(in_slab), Object(static_cast<std::int64_t>(offset))}}));
}

void encode_place(pickle::Encoder& encoder, const char* type, const sync::Place& place) {
  encode_handle(encoder, type, place.segment().fd(), place.in_slab(), place.offset());
}

struct Arrived {
  os::Fd file;
  bool in_slab = false;
  std::uint64_t offset = 0;
};

bool is_handle(const Object& object, const char* type) {
  const auto* handle = object.get_if<PersistentId>();
  if (handle == nullptr) return false;
  const auto* parts = handle->id.get_if<Tuple>();
  if (parts == nullptr || parts->items.size() != 4) return false;
  const auto* name = parts->items[0].get_if<std::string>();
  return name != nullptr && *name == type;
}

// The descriptor stays the shipment's: the handle gets one of its own.
Arrived decode_handle(const Object& object, const char* type) {
  if (!is_handle(object, type))
    throw PickleError("expected a " + std::string(type) + ", found " + describe(object));
  const auto& parts = object.get<PersistentId>().id.get<Tuple>().items;
  const auto* shipment = shm::Shipment::current();
  const auto index = static_cast<std::size_t>(parts[1].get<std::int64_t>());
  const int borrowed = shipment == nullptr ? -1 : shipment->at(index);
  if (borrowed < 0) throw PickleError("a handle without its descriptor: " + describe(object));
  return {os::duplicate(borrowed, type), parts[2].get<bool>(),
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

void detail::encode_queue(pickle::Encoder& encoder, const QueueBase& queue) {
  encode_handle(encoder, kQueue, queue.descriptor(), false, 0);
}
std::shared_ptr<channel::QueueCore> detail::decode_queue(const Object& object) {
  return channel::QueueCore::attach(decode_handle(object, kQueue).file);
}

void Codec<Lock>::encode(pickle::Encoder& encoder, const Lock& lock) {
  encode_place(encoder, kLock, lock.core()->place());
}
Lock Codec<Lock>::decode(const Object& object) {
  return Lock(decode_lock(object, sync::LockCore::Type::kLock));
}

void Codec<RLock>::encode(pickle::Encoder& encoder, const RLock& lock) {
  encode_place(encoder, kRLock, lock.core()->place());
}
RLock Codec<RLock>::decode(const Object& object) {
  return RLock(decode_lock(object, sync::LockCore::Type::kRLock));
}

void Codec<Semaphore>::encode(pickle::Encoder& encoder, const Semaphore& semaphore) {
  encode_place(encoder, kSemaphore, semaphore.core()->place());
}
Semaphore Codec<Semaphore>::decode(const Object& object) {
  return Semaphore(decode_core<sync::SemaphoreCore>(object, kSemaphore));
}
void Codec<BoundedSemaphore>::encode(pickle::Encoder& encoder, const BoundedSemaphore& semaphore) {
  Codec<Semaphore>::encode(encoder, semaphore);
}
BoundedSemaphore Codec<BoundedSemaphore>::decode(const Object& object) {
  return BoundedSemaphore(decode_core<sync::SemaphoreCore>(object, kSemaphore));
}

void Codec<Event>::encode(pickle::Encoder& encoder, const Event& event) {
  encode_place(encoder, kEvent, event.core()->place());
}
Event Codec<Event>::decode(const Object& object) {
  return Event(decode_core<sync::EventCore>(object, kEvent));
}

// A condition and the lock that it was given, if any.
void Codec<Condition>::encode(pickle::Encoder& encoder, const Condition& condition) {
  const auto& core = *condition.core();
  encoder.begin_tuple();
  encode_place(encoder, kCondition, core.place());
  if (core.own_lock()) {
    encoder.none();
  } else {
    const bool plain = core.lock()->type() == sync::LockCore::Type::kLock;
    encode_place(encoder, plain ? kLock : kRLock, core.lock()->place());
  }
  encoder.end_tuple();
}
Condition Codec<Condition>::decode(const Object& object) {
  const auto* parts = object.get_if<Tuple>();
  if (parts == nullptr || parts->items.size() != 2)
    throw PickleError("expected a shoal.Condition, found " + describe(object));
  std::shared_ptr<sync::LockCore> lock;
  if (const Object& its = parts->items[1]; its.kind() != Kind::none) {
    using Type = sync::LockCore::Type;
    lock = decode_lock(its, is_handle(its, kLock) ? Type::kLock : Type::kRLock);
  }
  Arrived arrived = decode_handle(parts->items[0], kCondition);
  return Condition(sync::ConditionCore::attach(std::move(arrived.file), arrived.in_slab,
                                               arrived.offset, std::move(lock)));
}

void Codec<Barrier>::encode(pickle::Encoder& encoder, const Barrier& barrier) {
  if (barrier.has_action()) {
    throw ProcessError(
        "a barrier with an action cannot be sent to a process that is not forked: make one without "
        "it, and let each party do what the party with index 0 is to do");
  }
  encoder.begin_tuple();
  encode_place(encoder, kBarrier, barrier.core()->place());
  if (const auto timeout = barrier.timeout()) {
    encoder.integer(timeout->count());
  } else {
    encoder.none();
  }
  encoder.end_tuple();
}
Barrier Codec<Barrier>::decode(const Object& object) {
  const auto* parts = object.get_if<Tuple>();
  if (parts == nullptr || parts->items.size() != 2)
    throw PickleError("expected a shoal.Barrier, found " + describe(object));
  Barrier barrier(decode_core<sync::BarrierCore>(parts->items[0], kBarrier));
  if (const auto* timeout = parts->items[1].get_if<std::int64_t>()) {
    barrier.timeout_ = std::chrono::nanoseconds(*timeout);
  }
  return barrier;
}

}  // namespace shoal
