// Processes by descriptor: one that never comes to mean another process.
#pragma once

#include <sys/types.h>

#include <optional>

#include "os/fd.hpp"

namespace shoal::os {

/// Becomes readable when all threads of the process have ended. Close-on-exec. The caller makes
/// sure that `pid` is the process it means (a child that was not waited for). An empty one, with
/// errno set, where it cannot be had.
Fd try_open_pidfd(pid_t pid) noexcept;
/// The same; throws std::system_error.
Fd open_pidfd(pid_t pid);

/// How a child ended: its exit code, or a negative signal number. As Python counts.
struct Ended {
  std::optional<int> code;  ///< nullopt: somebody else took the answer (SIGCHLD is ignored, or
                            ///< another part of the program waits for any child)
};

/// Takes away the remains of a child, if it has ended; does not wait. nullopt: it runs.
std::optional<Ended> try_reap(const Fd& pidfd);

/// The same for any child of this process; 0 where none has ended.
pid_t try_reap_any(int& code) noexcept;

/// Kills a child and takes away its remains.
void destroy_child(pid_t pid) noexcept;

/// False where the process has ended. Throws std::system_error where it may not be signalled.
bool send_signal(const Fd& pidfd, int signal);

}  // namespace shoal::os
