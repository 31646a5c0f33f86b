// Waiting until a descriptor has something to say.
#pragma once

#include <initializer_list>

#include "os/clock.hpp"

namespace shoal::os {

/// Waits until one of `fds` (at most 8; -1 is passed over) is readable, has lost its peer or has
/// failed. Returns them as bits, the first is bit 0; 0 where the deadline came first.
/// `on_interrupt`, where there is one, is called after a signal handler has run in this thread,
/// and every 100 ms in the main thread; it may throw.
unsigned wait_readable(std::initializer_list<int> fds, Deadline deadline, void (*on_interrupt)());

/// The same for room in the socket `fd`. False where the deadline came first.
bool wait_writable(int fd, Deadline deadline, void (*on_interrupt)());

}  // namespace shoal::os
