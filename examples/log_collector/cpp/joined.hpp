// This program's two parts in the mixed variant, on queues that its driver has made and named.
#pragma once

#include "options.hpp"

namespace logs {

/// As one worker, `options.name`: reads `options.files`, each written as LINES-TO-SKIP:PATH, or
/// makes up records (`options.demo`), in a process of the given start method. Prints that process's
/// id, and returns as it ended: its exit code, or 128 and its signal's number.
[[nodiscard]] int join_as_worker(const Options& options);

/// As the collector.
[[nodiscard]] int join_as_collector(const Options& options);

}  // namespace logs
