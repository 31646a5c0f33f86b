// Making processes, and leaving them.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "os/fd.hpp"

namespace shoal::os {

/// A copy of this process with this one thread: 0 in the child. Handlers of pthread_atfork run.
pid_t fork_process();

/// Runs this process's own program again, with `arguments` (the first is its name). The child has
/// of this process's descriptors the standard ones, `kept`, and those that are not close-on-exec.
/// Nothing but async-signal-safe code runs between fork and exec. Returns when the exec has been
/// done; throws std::system_error where it failed, and then there is no child.
pid_t spawn_self(const std::vector<std::string>& arguments, std::span<const int> kept);

/// Ends this process at once: no destructors, no handlers of exit, nothing flushed.
[[noreturn]] void exit_now(int code) noexcept;

/// Has pthread_cancel no effect on this thread any more.
void refuse_cancellation() noexcept;

/// Has `handler` called by std::exit, with the code, before what was registered earlier.
void on_exit(void (*handler)(int code));

/// True in a program that runs with more rights than those who started it have (set-uid, set-gid
/// or capabilities of its file).
[[nodiscard]] bool has_raised_rights() noexcept;

/// This process's id, from the kernel.
[[nodiscard]] pid_t process_id() noexcept;
[[nodiscard]] pid_t parent_id() noexcept;

/// Makes standard input /dev/null, without what this process has read from it and not used, and
/// gives /dev/null to those of the other two that are closed: no other file is to get their
/// numbers. Best effort.
void empty_standard_input() noexcept;

/// Writes all of `text` to standard error. Best effort.
void write_error(const std::string& text) noexcept;

/// Keeps an inherited descriptor from programs that this one runs. False where it is none.
bool close_on_exec(int fd) noexcept;

/// A descriptor that is readable for ever.
Fd readable_for_ever();

/// All bytes of a file. Throws std::system_error.
std::vector<std::byte> read_all(const Fd& file, const std::string& what);
/// Writes all of `bytes` at the start of a file.
void write_at_start(const Fd& file, std::span<const std::byte> bytes, const std::string& what);

}  // namespace shoal::os
