// UTF-8 as pickles have it: lone surrogates are allowed, as three bytes each ("surrogatepass").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace shoal::pickle {

[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// The code point at `position`, which moves past it; nullopt, one byte further, if there is none.
[[nodiscard]] std::optional<char32_t> next_code_point(std::string_view text,
                                                      std::size_t& position) noexcept;

/// `code_point` is at most U+10FFFF.
void append_code_point(std::string& text, char32_t code_point);

}  // namespace shoal::pickle
