// Loans and views of queues.
#include <shoal/error.hpp>
#include <shoal/loan.hpp>
#include <shoal/queue_base.hpp>
#include <stdexcept>
#include <utility>

#include "channel/loan.hpp"
#include "channel/queue_core.hpp"
#include "channel/timeout.hpp"
#include "channel/view.hpp"

namespace shoal {

Loan::Loan(std::unique_ptr<channel::LoanCore> core) noexcept : core_(std::move(core)) {}
Loan::Loan(Loan&& other) noexcept = default;
Loan& Loan::operator=(Loan&& other) noexcept = default;
Loan::~Loan() = default;

std::span<std::byte> Loan::bytes() const noexcept {
  return core_ ? core_->content() : std::span<std::byte>();
}

channel::LoanCore& Loan::core() const {
  if (!core_ || !*core_) throw std::logic_error("this loan was put already");
  return *core_;
}

View::View(std::unique_ptr<channel::ViewCore> core) noexcept : core_(std::move(core)) {}
View::View(View&& other) noexcept = default;
View& View::operator=(View&& other) noexcept = default;
View::~View() = default;

std::span<std::byte> View::bytes() const {
  if (!core_) throw std::logic_error("this view was moved from");
  const auto content = core_->content();
  if (content) return *content;
  throw PickleError("expected a bytes object or one buffer, found another item of " +
                    core_->queue().segment().label());
}

Loan QueueBase::lend(std::size_t size) const {
  static_cast<void>(core_->ring());  // ClosedError
  return Loan(std::make_unique<channel::LoanCore>(core_, size));
}

bool QueueBase::send(Loan& loan, Nanoseconds timeout) const {
  channel::LoanCore& core = loan.core();
  if (core.queue() != core_.get() && &core.queue()->segment() != &core_->segment()) {
    throw std::logic_error("this loan is of " + core.queue()->segment().label() +
                           ", and cannot be put into " + core_->segment().label());
  }
  return core.put(core.wrap_all(), channel::deadline_of(timeout));
}

std::optional<View> QueueBase::receive_view(Nanoseconds timeout) const {
  auto core = std::make_unique<channel::ViewCore>(core_);
  if (!core->take(channel::deadline_of(timeout))) return std::nullopt;
  return View(std::move(core));
}

}  // namespace shoal
