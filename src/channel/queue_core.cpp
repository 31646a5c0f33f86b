#include "channel/queue_core.hpp"

#include <shoal/error.hpp>
#include <utility>

namespace shoal::channel {
namespace {

constexpr auto kKind = shm::Kind::kQueue;

shm::Segment::Init initialiser(std::uint64_t maxsize) {
  return [maxsize](std::byte* base) { ring::Ring::initialise(base, maxsize); };
}

}  // namespace

QueueCore::QueueCore(std::shared_ptr<shm::Segment> segment) : ring_(std::move(segment)) {}

std::shared_ptr<QueueCore> QueueCore::create(std::uint64_t maxsize) {
  return std::make_shared<QueueCore>(
      shm::Segment::create(kKind, "", ring::Ring::segment_size(), initialiser(maxsize)));
}

std::shared_ptr<QueueCore> QueueCore::create(std::uint64_t maxsize, const std::string& name) {
  return std::make_shared<QueueCore>(
      shm::Segment::create_named(kKind, name, ring::Ring::segment_size(), initialiser(maxsize)));
}

std::shared_ptr<QueueCore> QueueCore::open(const std::string& name) {
  return std::make_shared<QueueCore>(
      shm::Segment::open_named(kKind, name, ring::Ring::segment_size()));
}

std::shared_ptr<QueueCore> QueueCore::attach(os::Fd file) {
  return std::make_shared<QueueCore>(
      shm::Segment::attach(kKind, std::move(file), ring::Ring::segment_size()));
}

void QueueCore::unlink(const std::string& name) { shm::Segment::unlink(kKind, name); }

void QueueCore::throw_closed() const {
  throw ClosedError(segment().label() + " is closed in this process");
}

}  // namespace shoal::channel
