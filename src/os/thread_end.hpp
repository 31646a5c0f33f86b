// The end of a thread that ends itself, or is cancelled, as it passes through C++ code.
#pragma once

#include <cxxabi.h>

namespace shoal::os {

/// What glibc unwinds with in pthread_exit and at a cancellation. It is no exception that may be
/// dropped: glibc aborts where a handler ends without `throw;`.
using ThreadEnd = abi::__forced_unwind;

}  // namespace shoal::os
