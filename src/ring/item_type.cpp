#include "ring/item_type.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "os/demangle.hpp"

namespace shoal::ring {
namespace {

using Name = decltype(shm::ItemWords::name);
constexpr std::size_t kMost = std::tuple_size_v<Name>;
constexpr std::size_t kDigits = 16;

// FNV-1a, which is the same in every program.
std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : text) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
  }
  return hash;
}

// One that is too long ends in a hash of the whole.
Name fitted(std::string_view name) noexcept {
  Name result{};
  std::copy_n(name.begin(), std::min(name.size(), kMost - 1), result.begin());
  if (name.size() < kMost) return result;
  auto at = result.begin() + (kMost - 1 - kDigits - 1);
  *at++ = '#';
  const std::uint64_t hash = hash_of(name);
  for (std::size_t digit = kDigits; digit-- > 0;) {
    *at++ = "0123456789abcdef"[hash >> 4 * digit & 0xfU];
  }
  return result;
}

}  // namespace

void note(shm::ItemWords& words, const ItemType& type) noexcept {
  words.size = type.size;
  words.name = fitted(type.name);
}

bool says(const shm::ItemWords& words, const ItemType& type) noexcept {
  return words.size == type.size && words.name == fitted(type.name);
}

std::string described(const shm::ItemWords& words) {
  if (words.size == 0) return "any type";
  const std::string name(words.name.data(), ::strnlen(words.name.data(), words.name.size()));
  return os::demangled(name) + " (" + std::to_string(words.size) + " bytes each)";
}

}  // namespace shoal::ring
