// How handles travel as arguments of a process: as the index of a descriptor in its shipment.
#include <cstdint>
#include <shoal/codec.hpp>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <utility>

#include "channel/queue_core.hpp"
#include "os/fd.hpp"
#include "shm/shipment.hpp"
#include "sync/lock_core.hpp"

namespace shoal {
namespace {

constexpr const char* kQueue = "shoal.Queue";
constexpr const char* kLock = "shoal.Lock";
constexpr const char* kSlabLock = "shoal.Lock in a slab";

void encode_handle(pickle::Encoder& encoder, const char* type, int fd, std::size_t slot) {
  auto* shipment = shm::Shipment::current();
  if (shipment == nullptr) {
    throw ProcessError(std::string(type) +
                       " can only be sent as an argument of a process that is being started; give "
                       "it a name and open() it elsewhere");
  }
  const auto index = static_cast<std::int64_t>(shipment->add(fd));
  encoder.persistent_id(
      Object(Tuple{{Object(type), Object(index), Object(static_cast<std::int64_t>(slot))}}));
}

struct Arrived {
  std::string type;
  os::Fd file;
  std::size_t slot = 0;
};

// The descriptor stays the shipment's: the handle gets one of its own.
Arrived decode_handle(const Object& object) {
  const auto& parts = object.get<PersistentId>().id.get<Tuple>().items;
  if (parts.size() != 3) throw PickleError("expected a handle, found " + describe(object));
  const auto* shipment = shm::Shipment::current();
  const auto index = static_cast<std::size_t>(parts[1].get<std::int64_t>());
  const int borrowed = shipment == nullptr ? -1 : shipment->at(index);
  if (borrowed < 0) throw PickleError("a handle without its descriptor: " + describe(object));
  Arrived arrived{parts[0].get<std::string>(), {}, 0};
  arrived.file = os::duplicate(borrowed, arrived.type.c_str());
  arrived.slot = static_cast<std::size_t>(parts[2].get<std::int64_t>());
  return arrived;
}

}  // namespace

void detail::encode_queue(pickle::Encoder& encoder, const QueueBase& queue) {
  encode_handle(encoder, kQueue, queue.descriptor(), 0);
}

std::shared_ptr<channel::QueueCore> detail::decode_queue(const Object& object) {
  Arrived arrived = decode_handle(object);
  if (arrived.type != kQueue) throw_mismatch(kQueue, object);
  return channel::QueueCore::attach(std::move(arrived.file));
}

void Codec<Lock>::encode(pickle::Encoder& encoder, const Lock& lock) {
  const auto& core = *lock.core();
  encode_handle(encoder, core.in_slab() ? kSlabLock : kLock, core.segment().fd(), core.index());
}

Lock Codec<Lock>::decode(const Object& object) {
  Arrived arrived = decode_handle(object);
  const bool in_slab = arrived.type == kSlabLock;
  if (!in_slab && arrived.type != kLock) throw_mismatch(kLock, object);
  return Lock(sync::LockCore::attach(std::move(arrived.file), in_slab, arrived.slot));
}

}  // namespace shoal
