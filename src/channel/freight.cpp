#include "channel/freight.hpp"

#include <utility>

#include "os/fd.hpp"

namespace shoal {
namespace {

constexpr std::size_t kMostKept = 64U << 20U;

}  // namespace

QueueBase::Freight::Freight() {
  State& own = State::own();
  state_ = own.in_use ? new State : &own;
  state_->in_use = true;
  state_->buffer.clear();
  state_->slices.clear();
  state_->scope.emplace(state_->shipment);
}

QueueBase::Freight::~Freight() {
  state_->scope.reset();
  state_->content = ring::Lent();
  if (!state_->of_thread) {
    delete state_;
    return;
  }
  if (!state_->shipment.fds().empty()) state_->shipment = {};
  if (state_->buffer.capacity() > kMostKept) state_->buffer = ByteBuffer();
  state_->in_use = false;
}

ByteBuffer& QueueBase::Freight::bytes() noexcept { return state_->buffer; }

std::span<const std::byte> QueueBase::Freight::received() const noexcept {
  if (state_->content) return state_->content.bytes();
  return state_->buffer.view();
}

std::uint32_t QueueBase::Freight::deliveries() const noexcept { return state_->deliveries; }
std::vector<QueueBase::Slice>& QueueBase::Freight::slices() noexcept { return state_->slices; }
bool QueueBase::Freight::carries_handles() const noexcept {
  return !state_->shipment.fds().empty();
}

void QueueBase::Freight::arrives(std::vector<os::Fd> fds) {
  state_->shipment = shm::Shipment(std::move(fds));
}

}  // namespace shoal
