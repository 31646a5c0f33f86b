#include <shoal/barrier.hpp>
#include <shoal/error.hpp>
#include <stdexcept>
#include <utility>

#include "sync/barrier_core.hpp"
#include "sync/waiters.hpp"

namespace shoal {
namespace {

using sync::BarrierCore;

std::shared_ptr<BarrierCore> make(const BarrierOptions& options) {
  if (options.parties <= 0) {
    throw std::invalid_argument("a barrier cannot have " + std::to_string(options.parties) +
                                " parties");
  }
  const auto parties = static_cast<std::uint64_t>(options.parties);
  const std::uint32_t bits = options.on_party_death == OnPartyDeath::kShrink ? sync::kShrinks : 0;
  return options.name.empty() ? BarrierCore::create(parties, bits)
                              : BarrierCore::create(parties, bits, options.name);
}

}  // namespace

Barrier::Barrier(BarrierOptions options) : core_(make(options)), timeout_(options.timeout) {
  if (options.action) {
    action_ = std::make_shared<const std::function<void()>>(std::move(options.action));
  }
}
Barrier::Barrier(std::shared_ptr<BarrierCore> core) noexcept : core_(std::move(core)) {}
Barrier Barrier::open(const std::string& name) { return Barrier(BarrierCore::open(name)); }
void Barrier::unlink(const std::string& name) { shm::Segment::unlink(shm::Kind::kBarrier, name); }

std::size_t Barrier::wait() { return wait_within(timeout_, nullptr); }
std::size_t Barrier::wait(const std::stop_token& stop) { return wait_within(timeout_, &stop); }

std::size_t Barrier::wait_within(std::optional<std::chrono::nanoseconds> timeout,
                                 const std::stop_token* stop) {
  const auto deadline = timeout ? os::Deadline::after(*timeout) : os::Deadline::never();
  const auto arrival = core_->arrive(deadline, stop);
  if (!arrival.acts) return arrival.index;
  try {
    if (action_) (*action_)();
  } catch (...) {
    core_->finish(false);
    throw;
  }
  core_->finish(true);
  return arrival.index;
}

void Barrier::reset() { core_->reset(); }
void Barrier::abort() { core_->abort(); }
std::size_t Barrier::parties() const { return core_->parties(); }
std::size_t Barrier::waiting() const { return core_->waiting(); }
bool Barrier::broken() const { return core_->broken(); }
Waiters Barrier::waiters() const { return core_->waiters(); }
std::string Barrier::name() const { return core_->place().name(); }

bool operator==(const Barrier& a, const Barrier& b) { return a.core_->place() == b.core_->place(); }

}  // namespace shoal
