// The three ways to start a process.
#pragma once

#include <memory>
#include <shoal/target.hpp>

#include "process/birth.hpp"
#include "process/started.hpp"

namespace shoal::process {

/// Each either starts the child or throws and leaves nothing behind: ProcessError, PickleError,
/// OutOfMemory, std::system_error.
std::shared_ptr<Started> start_by_fork(const Birth& birth, std::unique_ptr<detail::Target>& target);
std::shared_ptr<Started> start_by_spawn(const Birth& birth, const detail::Target& target);
std::shared_ptr<Started> start_by_forkserver(const Birth& birth, const detail::Target& target);

/// The child `pid` of this process. Where it cannot be had (no descriptors left) it is killed: it
/// may have begun.
std::shared_ptr<Started> adopt(int pid, os::Fd line);

}  // namespace shoal::process
