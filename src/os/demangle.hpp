// Names of types as people write them.
#pragma once

#include <string>

namespace shoal::os {

/// "Point" for "5Point"; what is no such name comes back as it is. Throws std::bad_alloc.
std::string demangled(const std::string& name);

}  // namespace shoal::os
