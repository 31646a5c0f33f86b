#include "sync/waiters.hpp"

namespace shoal::sync {

Holder to_holder(const shm::Noted& noted) {
  return {os::pid_of(noted.process), static_cast<int>(noted.thread),
          os::Clock::time_point(noted.since)};
}

Waiters waiters_of(const shm::ParkingWords& parking) {
  Waiters waiters;
  for (const auto& note : parking.notes) {
    const shm::Noted noted = shm::read(note);
    // One without a thread is being written.
    const bool whole = noted.process != 0 && noted.thread != 0;
    if (whole && !os::is_dead(noted.process)) waiters.push_back(to_holder(noted));
  }
  return waiters;
}

}  // namespace shoal::sync
