// What an encoder has written and may refer to.
#pragma once

#include <shoal/pickle.hpp>

#include "pickle/access.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

namespace shoal::pickle {

class Encoder::Memo {
 public:
  [[nodiscard]] std::optional<std::uint32_t> find(const Object& object) const {
    const auto found = places_.find(ObjectAccess::node(object).get());
    if (found == places_.end()) return std::nullopt;
    return found->second.second;
  }
  void add(const Object& object) {
    const auto place = static_cast<std::uint32_t>(places_.size());
    places_.emplace(ObjectAccess::node(object).get(), std::pair(object, place));
  }

 private:
  /// Holds the objects so that no other one can come to lie at the same address.
  std::unordered_map<const void*, std::pair<Object, std::uint32_t>> places_;
};

}  // namespace shoal::pickle
