#include "channel/queue_core.hpp"

#include <shoal/error.hpp>
#include <stdexcept>
#include <utility>

#include "os/socket.hpp"

namespace shoal::channel {
namespace {

constexpr auto kKind = shm::Kind::kQueue;

// Stands for a process that cannot tell who it is (/proc cannot be read).
constexpr os::TaskWord kSomebody = ~os::TaskWord{0};

os::TaskWord self_or_somebody() noexcept {
  try {
    return os::self();
  } catch (...) {
    return kSomebody;
  }
}

shm::Segment::Init initialiser(const ring::Options& options) {
  return [options](std::byte* base) { ring::Ring::initialise(base, options); };
}

}  // namespace

QueueCore::QueueCore(std::shared_ptr<shm::Segment> segment) : ring_(std::move(segment)) {}

std::shared_ptr<QueueCore> QueueCore::create(const Options& options) {
  auto segment =
      shm::Segment::create(kKind, "", ring::Ring::segment_size(options), initialiser(options));
  ring::Hold::make(*segment);
  return std::make_shared<QueueCore>(std::move(segment));
}

std::shared_ptr<QueueCore> QueueCore::create(const Options& options, const std::string& name) {
  return std::make_shared<QueueCore>(shm::Segment::create_named(
      kKind, name, ring::Ring::segment_size(options), initialiser(options)));
}

std::shared_ptr<QueueCore> QueueCore::open(const std::string& name) {
  return std::make_shared<QueueCore>(
      shm::Segment::open_named(kKind, name, ring::Ring::segment_size()));
}

std::shared_ptr<QueueCore> QueueCore::attach(os::Fd&& file) {
  return std::make_shared<QueueCore>(
      shm::Segment::attach(kKind, std::move(file), ring::Ring::segment_size()));
}

std::shared_ptr<QueueCore> QueueCore::attach(os::Fd&& file, os::Fd in, os::Fd out) {
  auto segment = shm::Segment::attach(kKind, std::move(file), ring::Ring::segment_size());
  segment->accompany(std::move(in), std::move(out));
  return std::make_shared<QueueCore>(std::move(segment));
}

std::shared_ptr<QueueCore> QueueCore::attach(std::span<const int> descriptors, bool joinable,
                                             const ring::ItemType& item) {
  if (descriptors.size() != 1 && descriptors.size() != 3) {
    throw std::invalid_argument("a queue is attached by one descriptor or by three, not by " +
                                std::to_string(descriptors.size()));
  }
  for (const int fd : descriptors.subspan(1)) {
    if (!os::is_message_socket(fd)) {
      throw std::invalid_argument("descriptor " + std::to_string(fd) +
                                  " is none of the sockets of a queue");
    }
  }
  // By a second descriptor: the first stays the caller's where this fails.
  if (joinable || item.size != 0) {
    const auto core = attach(os::duplicate(descriptors[0], "a queue"));
    if (joinable) core->check_joinable();
    core->check_item(item);
  }
  os::Fd file(descriptors[0]);
  try {
    auto core = attach(std::move(file));
    if (descriptors.size() == 3) {
      core->ring_.segment().accompany(os::Fd(descriptors[1]), os::Fd(descriptors[2]));
    }
    return core;
  } catch (...) {
    file.release();
    throw;
  }
}

std::vector<int> QueueCore::descriptors() const {
  if (!hold()) return {segment().fd()};
  return {segment().fd(), hold().in(), hold().out()};
}

void QueueCore::close() noexcept {
  closed_by_.store(self_or_somebody(), std::memory_order_relaxed);
}

bool QueueCore::closed_here() const noexcept {
  return closed_by_.load(std::memory_order_relaxed) == self_or_somebody();
}

void QueueCore::check_joinable() const {
  if (ring_.joinable()) return;
  throw WrongKind(segment().label() +
                  " is not joinable: it was made as a Queue, not as a JoinableQueue");
}

void QueueCore::check_item(const ring::ItemType& item) const {
  if (item.size == 0 || ring::says(ring_.item(), item)) return;
  shm::ItemWords wanted{};
  ring::note(wanted, item);
  throw WrongKind(segment().label() + " was made for items of " + ring::described(ring_.item()) +
                  ", not of " + ring::described(wanted));
}

void QueueCore::unlink(const std::string& name) { shm::Segment::unlink(kKind, name); }

void QueueCore::throw_closed() const {
  throw ClosedError(segment().label() + " is closed in this process");
}

}  // namespace shoal::channel
