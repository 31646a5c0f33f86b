// A target on its way to a process that shares no memory with this one.
#pragma once

#include <shoal/target.hpp>
#include <vector>

#include "os/fd.hpp"
#include "process/birth.hpp"
#include "shm/shipment.hpp"

namespace shoal::process {

/// What the starter hands over: a memory file with all of it, and the descriptors it mentions.
struct Parcel {
  os::Fd file;
  std::vector<int> fds;       ///< stay those of the handles among the arguments, or are
  std::vector<os::Fd> moved;  ///< duplicates of those with the number of a standard stream
  shm::Shipment shipment;     ///< keeps the handles among them
};

/// `line` is the number of the child's end, where it is inherited by number; else -1. Throws
/// ProcessError and what the Codecs of the arguments throw.
Parcel pack(const Birth& birth, const detail::Target& target, int line);

/// What the child finds in it.
struct Unpacked {
  Birth birth;
  Object entry;
  Object call;
  int line = -1;
  std::vector<int> fds;  ///< numbers, where they were inherited by number
};
Unpacked unpack(const os::Fd& file);

/// The target, whose handles take their descriptors from `fds`.
std::unique_ptr<detail::Target> make_target(const Unpacked& parcel, std::vector<int> fds);

}  // namespace shoal::process
