// What a thread sends through queues, or has received.
#pragma once

#include <optional>
#include <shoal/buffer.hpp>
#include <shoal/queue_base.hpp>
#include <vector>

#include "ring/ring.hpp"
#include "shm/shipment.hpp"

namespace shoal {

/// One of a thread is used again and again, but not what a huge item has blown up. A shipment is in
/// progress for as long as it is in use: handles add their descriptors to it, or find them there.
struct QueueBase::Freight::State {
  ByteBuffer buffer;
  std::vector<Slice> slices;
  ring::Lent content;  // what was received in an extent
  std::vector<ring::Slice> taken;
  shm::Shipment shipment;
  std::optional<shm::Shipment::Scope> scope;
  bool of_thread = false;
  bool in_use = false;

  static State& own() {
    thread_local State state;
    state.of_thread = true;
    return state;
  }
};

}  // namespace shoal
