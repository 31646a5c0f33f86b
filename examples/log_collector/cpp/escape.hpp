// Bytes as one line of printable UTF-8, and back.
#pragma once

#include <string>
#include <string_view>

namespace logs {

/// Each byte that is a control character (but the tab), a part of U+0080 to U+009F, or no part of
/// UTF-8 becomes \xNN, and so does a backslash that would read as the beginning of such an escape.
[[nodiscard]] std::string escape(std::string_view bytes);

/// The bytes that escape() was given.
[[nodiscard]] std::string unescape(std::string_view text);

}  // namespace logs
