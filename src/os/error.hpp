// Failures of the operating system, as exceptions that name the operation and the object.
#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace shoal::os {

/// Throws std::system_error: "cannot <operation> <object>: <the system's text>".
[[noreturn]] inline void throw_errno(const std::string& operation, const std::string& object,
                                     int error = errno) {
  throw std::system_error(error, std::generic_category(), "cannot " + operation + " " + object);
}

}  // namespace shoal::os
