#include "channel/loan.hpp"

#include <shoal/error.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace shoal::channel {
namespace {

// What is left before the content, for the head of a bundle of up to 255 buffers, and behind it,
// for a pickle.
constexpr std::uint64_t kBefore = 4096;
constexpr std::uint64_t kBehind = 4096;

}  // namespace

LoanCore::LoanCore(std::shared_ptr<QueueCore> queue, std::uint64_t size)
    : queue_(std::move(queue)), size_(size) {
  if (size > ring::kMostBytes - kBefore - kBehind) {
    throw OutOfMemory("a loan of " + std::to_string(size) + " bytes is too large for " +
                      queue_->segment().label());
  }
  const std::uint64_t least = kBefore + size + pickle::kLonePickle.size();
  if (!queue_->ring().lend(kBefore + size + kBehind, least, os::Deadline::never(), lent_)) {
    throw OutOfMemory("no more loans of " + queue_->segment().label() + ": all its " +
                      std::to_string(shm::kExtents) +
                      " extents are in use, by loans, views and large items");
  }
}

std::span<std::byte> LoanCore::content() const noexcept {
  return lent_ ? lent_.bytes().subspan(kBefore, size_) : std::span<std::byte>();
}

std::uint64_t LoanCore::wrap(std::span<const std::span<const std::byte>> buffers,
                             std::span<const std::byte> pickle) {
  // Nothing is written into what has another owner by now, in a forked child.
  if (!lent_.is_ours()) {
    throw std::logic_error("this loan of " + queue_->segment().label() +
                           " was made by a parent of this process, or is put already");
  }
  std::vector<pickle::BundlePlace> places;
  places.reserve(buffers.size());
  for (const auto& buffer : buffers) {
    const auto begin = static_cast<std::uint64_t>(buffer.data() - lent_.bytes().data());
    places.push_back({begin, buffer.size()});
  }
  return pickle::write_around(lent_.bytes(), {kBefore, size_}, places, pickle);
}

std::uint64_t LoanCore::wrap_all() {
  const std::span<const std::byte> all = content();
  return wrap({&all, 1}, pickle::kLonePickle);
}

bool LoanCore::put(std::uint64_t bytes, os::Deadline deadline) {
  return queue_->ring().put_lent(lent_, bytes, ring::Encoding::kBundle, deadline);
}

}  // namespace shoal::channel
