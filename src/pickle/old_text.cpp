#include "pickle/old_text.hpp"

#include "pickle/utf8.hpp"

#include <charconv>
#include <cstdint>

namespace shoal::pickle {

namespace {
/// A number of exactly `width` digits at `position`, which moves past it.
std::optional<std::uint32_t> take_digits(std::string_view text, std::size_t& position,
                                         std::size_t width, int base) {
  const std::string_view digits = text.substr(position, width);
  std::uint32_t value = 0;
  if (digits.size() < width) return std::nullopt;
  const char* const end = digits.data() + digits.size();
  // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): from_chars is told the end
  if (std::from_chars(digits.data(), end, value, base).ptr != end) return std::nullopt;
  position += width;
  return value;
}

std::size_t octal_width(std::string_view text, std::size_t position) {
  std::size_t width = 0;
  while (width < 3 && position + width < text.size() && text[position + width] >= '0' &&
         text[position + width] <= '7')
    ++width;
  return width;
}

/// The escape after a backslash; `position` is at its letter and moves past it.
bool append_escape(std::string& result, std::string_view text, std::size_t& position) {
  constexpr std::string_view kLetters = "abfnrtv\\'\"";
  constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
  std::optional<std::uint32_t> code;
  if (const std::size_t width = octal_width(text, position); width != 0) {
    code = take_digits(text, position, width, 8);
  } else if (text[position] == 'x') {
    code = take_digits(text, ++position, 2, 16);
  } else if (const std::size_t at = kLetters.find(text[position]); at != kLetters.npos) {
    code = static_cast<unsigned char>(kMeanings[at]);
    ++position;
  } else {
    code = '\\';  // an unknown escape stands for itself
  }
  if (code) result += static_cast<char>(*code & 0xffU);
  return code.has_value();
}
}  // namespace

std::optional<std::string> unescape_unicode(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const char character = text[i++];
    if (character != '\\' || i == text.size()) {
      append_code_point(result, static_cast<unsigned char>(character));
      continue;
    }
    const char letter = text[i++];
    if (letter != 'u' && letter != 'U') {
      result += character;
      append_code_point(result, static_cast<unsigned char>(letter));
      continue;
    }
    const auto point = take_digits(text, i, letter == 'u' ? 4 : 8, 16);
    if (!point || *point > 0x10ffff) return std::nullopt;
    append_code_point(result, *point);
  }
  return result;
}

std::optional<std::string> unescape_quoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                      (text.front() == '\'' || text.front() == '"');
  if (!quoted) return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const char character = text[i++];
    if (character != '\\') result += character;
    else if (i == text.size() || !append_escape(result, text, i)) return std::nullopt;
  }
  return result;
}

}  // namespace shoal::pickle
