// Names that moved from Python 2 to Python 3. Protocols 0 to 2 write the old ones.
#pragma once

#include <shoal/object.hpp>

namespace shoal::pickle {

/// The commonest ones; others stay as they are.
void rename_for_python3(Global& global);

}  // namespace shoal::pickle
