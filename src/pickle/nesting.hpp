// Looks through a decoded value, before it is handed out, for what would make it unsafe to hold.
#pragma once

#include <shoal/object.hpp>

#include <cstddef>
#include <unordered_map>

namespace shoal::pickle {

enum class Nesting { fine, recursive, too_deep };

/// For a value in which nothing is referred to twice, which therefore cannot be recursive.
Nesting measure_tree(const Object& root, std::size_t max_height);

/// The heights of the containers met so far; one that holds no other has height 1.
class Heights {
 public:
  /// Follows every reference once, without recursion.
  Nesting measure(const Object& root, std::size_t max_height);
  /// Whether measure() met the container.
  [[nodiscard]] bool met(const Object& object) const;

 private:
  std::unordered_map<const void*, std::size_t> heights_;  // 0: being measured
};

}  // namespace shoal::pickle
