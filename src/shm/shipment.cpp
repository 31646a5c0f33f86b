#include "shm/shipment.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace shoal::shm {
namespace {
thread_local Shipment* in_progress = nullptr;
}  // namespace

Shipment* Shipment::current() noexcept { return in_progress; }

Shipment::Shipment(std::vector<os::Fd> arrived) : arrived_(std::move(arrived)) {
  for (const auto& fd : arrived_) fds_.push_back(fd.get());
}

std::size_t Shipment::add(int fd, std::shared_ptr<const void> owner) {
  const auto found = std::find(fds_.begin(), fds_.end(), fd);
  if (found != fds_.end()) return static_cast<std::size_t>(found - fds_.begin());
  owners_.push_back(std::move(owner));
  fds_.push_back(fd);
  return fds_.size() - 1;
}

os::Fd Shipment::take(std::size_t index, const char* what) {
  if (index >= fds_.size() || fds_[index] == -1) return {};
  try {
    return os::duplicate(fds_[index], what);
  } catch (const std::system_error& error) {
    const bool too_many = error.code().value() == EMFILE || error.code().value() == ENFILE;
    if (!too_many || index >= arrived_.size()) throw;
  }
  fds_[index] = -1;
  return std::move(arrived_[index]);
}

Shipment::Scope::Scope(Shipment& shipment) noexcept
    : before_(std::exchange(in_progress, &shipment)) {}
Shipment::Scope::~Scope() { in_progress = before_; }

}  // namespace shoal::shm
