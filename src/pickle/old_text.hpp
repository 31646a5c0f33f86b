// The escapes of the text opcodes of protocol 0.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shoal::pickle {

/// Python's "raw-unicode-escape": Latin-1 with \uXXXX and \UXXXXXXXX. Gives UTF-8; nullopt if
/// malformed.
[[nodiscard]] std::optional<std::string> unescape_unicode(std::string_view text);

/// A quoted string of Python 2 with its escapes. Gives bytes; nullopt if malformed.
[[nodiscard]] std::optional<std::string> unescape_quoted(std::string_view text);

}  // namespace shoal::pickle
