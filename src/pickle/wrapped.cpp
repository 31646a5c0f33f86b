#include "pickle/wrapped.hpp"

#include <algorithm>
#include <cstring>

#include "pickle/opcodes.hpp"
#include "pickle/utf8.hpp"

namespace shoal::pickle {
namespace {

constexpr std::uint64_t kShort = 256;  // sizes below this have one byte

}  // namespace

Prefix prefix_for(Kind kind, std::uint64_t size) noexcept {
  const bool is_string = kind == Kind::string;
  Prefix prefix;
  auto* const at = reinterpret_cast<unsigned char*>(prefix.bytes.data());
  at[0] = kProto;
  at[1] = kProtocol;
  if (size < kShort) {
    at[2] = is_string ? kShortBinUnicode : kShortBinBytes;
    at[3] = static_cast<unsigned char>(size);
    prefix.size = 4;
  } else {
    at[2] = is_string ? kBinUnicode8 : kBinBytes8;
    std::memcpy(at + 3, &size, sizeof size);
    prefix.size = kLongPrefix;
  }
  return prefix;
}

std::span<const std::byte> unwrapped(Kind kind, std::span<const std::byte> pickle) noexcept {
  constexpr std::size_t kPrefix = 4;
  if (pickle.size() <= kPrefix || pickle.size() >= kPrefix + kShort + 1) return {};
  const std::size_t size = pickle.size() - kPrefix - 1;
  const auto* at = reinterpret_cast<const unsigned char*>(pickle.data());
  const bool ours = at[0] == kProto && at[1] == kProtocol &&
                    at[2] == (kind == Kind::string ? kShortBinUnicode : kShortBinBytes) &&
                    at[3] == size && pickle.back() == kEnd;
  if (!ours) return {};
  const auto content = pickle.subspan(kPrefix, size);
  const auto* text = reinterpret_cast<const char*>(content.data());
  if (kind == Kind::string && !is_utf8({text, size})) return {};
  return content;
}

std::uint64_t wrapped_size(Kind kind, std::span<const std::byte> start,
                           std::uint64_t bytes) noexcept {
  if (start.size() < kLongPrefix || bytes < kLongPrefix + 1) return 0;
  const std::uint64_t size = bytes - kLongPrefix - 1;
  const Prefix expected = prefix_for(kind, size);
  const bool same = expected.size == kLongPrefix &&
                    std::equal(expected.bytes.begin(), expected.bytes.end(), start.begin());
  return same ? size : 0;
}

}  // namespace shoal::pickle
