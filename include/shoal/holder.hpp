// Who holds an object, or waits for it: for people, and for those who look for deadlocks.
#pragma once

#include <chrono>
#include <vector>

namespace shoal {

/// One thread that holds a thing or waits for it. A snapshot: it may have gone on, or died, since.
struct Holder {
  int pid = 0;
  int thread = 0;  ///< thread id
  /// To about 10 ms. Of a lock's holder: when others first had to wait for it, at the latest; the
  /// clock's epoch where nobody has, as reading a clock costs as much as taking a lock.
  std::chrono::steady_clock::time_point since;
};

/// Of those who sleep until something changes, six are known by name.
using Waiters = std::vector<Holder>;

}  // namespace shoal
