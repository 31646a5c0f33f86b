// What all items of a ring are, where they travel as the bytes of one C++ type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shm/layout.hpp"

namespace shoal::ring {

struct ItemType {
  std::string_view name = {};  ///< as the compilers of this platform write it in their symbols
  std::uint64_t size = 0;      ///< bytes of each; 0: items of any type
};

/// Into words that nobody else sees yet.
void note(shm::ItemWords& words, const ItemType& type) noexcept;
/// Whether that is what they say.
[[nodiscard]] bool says(const shm::ItemWords& words, const ItemType& type) noexcept;
/// For people: "Point (16 bytes each)".
[[nodiscard]] std::string described(const shm::ItemWords& words);

}  // namespace shoal::ring
