// A mutex that a child of a threaded process never finds held.
#pragma once

#include <pthread.h>

#include <mutex>
#include <type_traits>

#include "os/error.hpp"

namespace shoal::os {

namespace detail {
// Both are there when the library is loaded. Nothing is made at the first use, under the guard of a
// function's static object: a fork in another thread at that moment would leave its child waiting
// for the guard for ever.
template <class Tag>
struct ForkMutex {
  static_assert(std::is_trivially_destructible_v<std::mutex>, "static objects use it at exit");
  static inline constinit std::mutex mutex;
  static inline const int kError =
      ::pthread_atfork([] { mutex.lock(); }, [] { mutex.unlock(); }, [] { mutex.unlock(); });
};
}  // namespace detail

/// The mutex of `Tag`, of which there is one in a process. fork() waits for it and frees it in
/// both processes. (_Fork and clone do not: their children must not come here.) Not for hot paths.
/// Never destroyed, so that static objects may use it at exit. Throws std::system_error where
/// fork() could not be told of it.
template <class Tag>
std::mutex& fork_mutex() {
  using Made = detail::ForkMutex<Tag>;
  if (Made::kError != 0) throw_errno("register", "handlers of fork", Made::kError);
  return Made::mutex;
}

}  // namespace shoal::os
