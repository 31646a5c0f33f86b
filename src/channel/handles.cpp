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

// A handle is a persistent id: a tuple of its type, the index of its descriptor, whether it lies in
// a slab, and where. Some have more to tell behind these.
constexpr std::size_t kParts = 4;

constexpr const char* kQueue = "shoal.Queue";
constexpr const char* kLock = "shoal.Lock";
constexpr const char* kRLock = "shoal.RLock";
constexpr const char* kSemaphore = "shoal.Semaphore";
constexpr const char* kBoundedSemaphore = "shoal.BoundedSemaphore";
constexpr const char* kEvent = "shoal.Event";
constexpr const char* kCondition = "shoal.Condition";
constexpr const char* kBarrier = "shoal.Barrier";

// Index of the descriptor in what is being sent.
std::int64_t ship(const char* type, int fd) {
  auto* shipment = shm::Shipment::current();
  if (shipment == nullptr) {
    throw ProcessError(std::string(type) +
                       " can only be sent through a queue, or as an argument of a process that is "
                       "being started; give it a name and open() it elsewhere");
  }
  return static_cast<std::int64_t>(shipment->add(fd));
}

void encode_handle(pickle::Encoder& encoder, Tuple parts) {
  encoder.persistent_id(Object(std::move(parts)));
}

// What stands for an object of sync/.
Tuple place_of(const char* type, const sync::Place& place) {
  return {{Object(type), Object(ship(type, place.segment().fd())), Object(place.in_slab()),
           Object(static_cast<std::int64_t>(place.offset()))}};
}

void encode_place(pickle::Encoder& encoder, const char* type, const sync::Place& place) {
  encode_handle(encoder, place_of(type, place));
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
  if (parts == nullptr || parts->items.size() < kParts) return false;
  const auto* name = parts->items[0].get_if<std::string>();
  return name != nullptr && *name == type;
}

// The descriptor stays the shipment's: the handle gets one of its own.
os::Fd unship(const Object& index, const char* type) {
  const auto* shipment = shm::Shipment::current();
  const auto* number = index.get_if<std::int64_t>();
  const int borrowed = shipment == nullptr || number == nullptr
                           ? -1
                           : shipment->at(static_cast<std::size_t>(*number));
  if (borrowed < 0) {
    throw PickleError("a " + std::string(type) + " without its descriptor, which was lost: " +
                      "a queue that was attached by its descriptor alone has no handles in it");
  }
  return os::duplicate(borrowed, type);
}

const std::vector<Object>& parts_of(const Object& object, const char* type) {
  if (!is_handle(object, type))
    throw PickleError("expected a " + std::string(type) + ", found " + describe(object));
  return object.get<PersistentId>().id.get<Tuple>().items;
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
void detail::encode_queue(pickle::Encoder& encoder, const QueueBase& queue) {
  const ring::Hold& hold = queue.core()->hold();
  const auto end = [&](int fd) { return hold ? Object(ship(kQueue, fd)) : Object(); };
  encode_handle(encoder, {{Object(kQueue), Object(ship(kQueue, queue.descriptor())), end(hold.in()),
                           end(hold.out())}});
}
std::shared_ptr<channel::QueueCore> detail::decode_queue(const Object& object) {
  const auto& parts = parts_of(object, kQueue);
  os::Fd file = unship(parts[1], kQueue);
  if (parts[2].kind() == Kind::none) return channel::QueueCore::attach(std::move(file));
  return channel::QueueCore::attach(std::move(file), unship(parts[2], kQueue),
                                    unship(parts[3], kQueue));
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
// The two differ in what they were made with, which the object itself knows.
Semaphore Codec<Semaphore>::decode(const Object& object) {
  const bool bounded = is_handle(object, kBoundedSemaphore);
  return Semaphore(
      decode_core<sync::SemaphoreCore>(object, bounded ? kBoundedSemaphore : kSemaphore));
}
void Codec<BoundedSemaphore>::encode(pickle::Encoder& encoder, const BoundedSemaphore& semaphore) {
  encode_place(encoder, kBoundedSemaphore, semaphore.core()->place());
}
BoundedSemaphore Codec<BoundedSemaphore>::decode(const Object& object) {
  return BoundedSemaphore(decode_core<sync::SemaphoreCore>(object, kBoundedSemaphore));
}

void Codec<Event>::encode(pickle::Encoder& encoder, const Event& event) {
  encode_place(encoder, kEvent, event.core()->place());
}
Event Codec<Event>::decode(const Object& object) {
  return Event(decode_core<sync::EventCore>(object, kEvent));
}

// With the lock that it was given, if any.
void Codec<Condition>::encode(pickle::Encoder& encoder, const Condition& condition) {
  const auto& core = *condition.core();
  Tuple parts = place_of(kCondition, core.place());
  if (!core.own_lock()) {
    const bool plain = core.lock()->type() == sync::LockCore::Type::kLock;
    parts.items.emplace_back(
        PersistentId{Object(place_of(plain ? kLock : kRLock, core.lock()->place()))});
  }
  encode_handle(encoder, std::move(parts));
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
  Tuple parts = place_of(kBarrier, barrier.core()->place());
  if (const auto timeout = barrier.timeout()) parts.items.emplace_back(timeout->count());
  encode_handle(encoder, std::move(parts));
}
Barrier Codec<Barrier>::decode(const Object& object) {
  const auto& parts = parts_of(object, kBarrier);
  Barrier barrier(decode_core<sync::BarrierCore>(object, kBarrier));
  if (parts.size() > kParts) {
    barrier.timeout_ = std::chrono::nanoseconds(parts[kParts].get<std::int64_t>());
  }
  return barrier;
}

}  // namespace shoal
