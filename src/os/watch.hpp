// Telling who has a file open too, by a descriptor of theirs.
#pragma once

#include <string>

#include "os/fd.hpp"

namespace shoal::os {

/// A descriptor that can be read from after touch() of that file, whoever calls that, until
/// calm(). Close-on-exec, none of the standard streams; a forked child has the same one. Throws
/// std::system_error that names `object`: each user has 128 of them, or as many as
/// fs.inotify.max_user_instances says.
///
/// The system ends a watch when the file's last name is removed, though others have it open still.
/// That can be read, too, and calm() renews it first.
Fd watch(int file, const std::string& object);
/// Where it is touched already, nothing changes. Needs no right to the file but that by which it
/// was opened: one in a file system, as a memory file of the kernel's own tells nobody of reads.
/// Throws std::system_error.
void touch(int file, const std::string& object);
/// One at a time for each descriptor and its copies; no touch() meanwhile.
///
/// Death: the watch is there before a word of its end is removed, and what comes in between is not
/// removed. So wherever a process is killed in here, a child that has the same descriptor can read
/// from it, or is told of the next touch(). Where the system refuses to renew it, it can be read
/// from until it does.
void calm(int watch, int file) noexcept;

}  // namespace shoal::os
