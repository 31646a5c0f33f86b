// The life of a child that shoal has started, from its first instruction of ours to its last.
#pragma once

#include <functional>
#include <memory>
#include <shoal/target.hpp>

#include "os/fd.hpp"
#include "process/birth.hpp"
#include "process/fork_server.hpp"

namespace shoal::process {

struct Beginning {
  Birth birth;
  os::Fd line;
  std::shared_ptr<const ForkServer> server;  ///< whom to ask for children; or nullptr
};

/// Runs the target that `make` gives, and leaves: its own children are ended, the standard
/// streams flushed, the parent told. An exception of either is that of the process.
[[noreturn]] void run_child(Beginning beginning,
                            const std::function<std::unique_ptr<detail::Target>()>& make) noexcept;

/// stdout, stderr, and the C++ streams of the same names.
void flush_standard_streams() noexcept;

}  // namespace shoal::process
