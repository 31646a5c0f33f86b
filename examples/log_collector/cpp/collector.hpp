// The collector: what runs in its process.
#pragma once

#include "messages.hpp"

#include <string>

namespace logs {

struct CollectorOptions {
  std::string output = "multiprocess.log";  ///< appended to
  double timeout = 3;  ///< seconds without a record after which it says so in the output
  /// Having received the first line of this worker it says Paused and waits at the gate. Empty: of
  /// none.
  std::string pause_for = {};
};

/// Writes what comes until the end signal; then puts a Summary. An error with one record is logged
/// and survived; one with the output ends it.
void collect(CollectorOptions options, Channels channels);

}  // namespace logs
