#include "shm/shipment.hpp"

#include <algorithm>
#include <utility>

namespace shoal::shm {
namespace {
thread_local Shipment* in_progress = nullptr;
}  // namespace

Shipment* Shipment::current() noexcept { return in_progress; }

std::size_t Shipment::add(int fd) {
  const auto found = std::find(fds_.begin(), fds_.end(), fd);
  if (found != fds_.end()) return static_cast<std::size_t>(found - fds_.begin());
  fds_.push_back(fd);
  return fds_.size() - 1;
}

int Shipment::at(std::size_t index) const noexcept {
  return index < fds_.size() ? fds_[index] : -1;
}

Shipment::Scope::Scope(Shipment& shipment) noexcept
    : before_(std::exchange(in_progress, &shipment)) {}
Shipment::Scope::~Scope() { in_progress = before_; }

}  // namespace shoal::shm
