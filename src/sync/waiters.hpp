// The notes of an object, as the public headers show them.
#pragma once

#include <shoal/holder.hpp>

#include "shm/layout.hpp"
#include "shm/note.hpp"

namespace shoal::sync {

Holder to_holder(const shm::Noted& noted);
/// Those of the parking's notes whose process is not known to be dead.
Waiters waiters_of(const shm::ParkingWords& parking);

}  // namespace shoal::sync
