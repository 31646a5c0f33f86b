// Copies that are too large for the caches.
#pragma once

#include <cstddef>

namespace shoal::os {

/// Copies `size` bytes to where they do not overlap. Large ones go past the caches: what is copied
/// would drive out all that is in them, and its place would be read before it is overwritten. A
/// later release store publishes it, as it does what memcpy wrote.
void copy(std::byte* to, const std::byte* from, std::size_t size) noexcept;

}  // namespace shoal::os
