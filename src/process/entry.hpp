// Where processes that shoal has started come in.
#pragma once

#include <string>

#include "os/fd.hpp"

namespace shoal::process {

/// The first argument of such a process: a marker and the number of a descriptor.
inline const std::string kChildMarker = "--shoal-child=";
inline const std::string kServerMarker = "--shoal-forkserver=";

/// The name by which this program was called. Throws ProcessError, naming the line to add, where
/// main has not called shoal::init.
void require_init(const std::string& process, const char* method);
const std::string& program_name();

/// A child by spawn; `parcel` was inherited.
[[noreturn]] void enter_spawned(os::Fd parcel);
/// The forkserver; `channel` is its end.
[[noreturn]] void serve(os::Fd channel);
/// A child of the forkserver; `line` is its end.
[[noreturn]] void enter_served(os::Fd line);

}  // namespace shoal::process
