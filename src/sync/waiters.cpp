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
    if (noted.process != 0 && !os::is_dead(noted.process)) waiters.push_back(to_holder(noted));
  }
  return waiters;
}

}  // namespace shoal::sync
