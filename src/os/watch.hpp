// Telling who has a file open too, by a descriptor of theirs.
#pragma once

#include <string>

#include "os/fd.hpp"

namespace shoal::os {

/// A descriptor that can be read from after touch() of that file, whoever calls that, until
/// calm(). Close-on-exec, none of the standard streams; a forked child has the same one. Throws
/// std::system_error that names `object`: each user has 128 of them, or as many as
/// fs.inotify.max_user_instances says.
Fd watch(int file, const std::string& object);
/// Where it is touched already, nothing changes. Throws std::system_error.
void touch(int file, const std::string& object);
void calm(int watch) noexcept;

}  // namespace shoal::os
