// The modules of this process (its program and the libraries it has loaded), and places in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <typeinfo>
#include <vector>

namespace shoal::os {

using BuildId = std::vector<std::byte>;

struct CodePlace {
  std::string module;    ///< its path; the program's is read from /proc
  BuildId build_id;      ///< empty: it was linked without one
  std::uint64_t offset;  ///< from where the module is loaded
};

/// Where an address of code lies; nullopt where no module holds it.
std::optional<CodePlace> find_place(const void* address);

enum class Found {
  kYes,
  kNoModule,  ///< no loaded module has this build id
  kNoCode,    ///< the module has no code at this offset
};
/// The address of a place in this process.
Found find_address(const BuildId& build_id, std::uint64_t offset, const void*& address);

/// A type's name as it is written in the source.
std::string type_name(const std::type_info& type);
/// The type of the exception that is being handled; nullptr where it is not of C++.
const std::type_info* current_exception_type() noexcept;

}  // namespace shoal::os
