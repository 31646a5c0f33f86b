// A mutex that a child of a threaded process never finds held.
#pragma once

#include <pthread.h>

#include <mutex>

namespace shoal::os {

/// The mutex of `Tag`, of which there is one in a process. fork() waits for it and frees it in
/// both processes. (_Fork and clone do not: their children must not come here.) Not for hot paths.
/// Never destroyed, so that static objects may use it at exit.
template <class Tag>
std::mutex& fork_mutex() {
  static auto* const mutex = [] {
    auto* made = new std::mutex;
    ::pthread_atfork([] { fork_mutex<Tag>().lock(); }, [] { fork_mutex<Tag>().unlock(); },
                     [] { fork_mutex<Tag>().unlock(); });
    return made;
  }();
  return *mutex;
}

}  // namespace shoal::os
