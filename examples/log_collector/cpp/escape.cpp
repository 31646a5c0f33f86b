#include "escape.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

namespace logs {
namespace {

unsigned char byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

bool is_continuation(std::string_view bytes, std::size_t at) {
  return at < bytes.size() && (byte_at(bytes, at) & 0xC0) == 0x80;
}

/// Length of the printable character at `at`; 0 where its first byte is to be escaped. Bounds of
/// the second byte: Unicode 15.0, table 3-7.
std::size_t printable_length(std::string_view bytes, std::size_t at) {
  const unsigned char first = byte_at(bytes, at);
  if (first < 0x80) return first == '\t' || (first >= 0x20 && first != 0x7F) ? 1 : 0;
  if (first < 0xC2 || first > 0xF4 || !is_continuation(bytes, at + 1)) return 0;
  const unsigned char second = byte_at(bytes, at + 1);
  if (first < 0xE0) return first == 0xC2 && second < 0xA0 ? 0 : 2;
  if (!is_continuation(bytes, at + 2)) return 0;
  if (first < 0xF0)
    return (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ? 0 : 3;
  if (!is_continuation(bytes, at + 3)) return 0;
  return (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F) ? 0 : 4;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const int lower = std::tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool is_escape(std::string_view text, std::size_t at) {
  return text.size() - at >= 4 && text[at] == '\\' && text[at + 1] == 'x' &&
         digit(text[at + 2]) >= 0 && digit(text[at + 3]) >= 0;
}

void append_escaped(std::string& out, unsigned char byte) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7F && c != '\\'; }

}  // namespace

std::string escape(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const char* const begin = bytes.data() + at;
    const char* const end = std::find_if_not(begin, bytes.data() + bytes.size(), is_plain);
    out.append(begin, end);
    at += static_cast<std::size_t>(end - begin);
    if (at == bytes.size()) break;
    const std::size_t length = is_escape(bytes, at) ? 0 : printable_length(bytes, at);
    if (length == 0) append_escaped(out, byte_at(bytes, at));
    else out.append(bytes, at, length);
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (is_escape(text, at)) {
      out += static_cast<char>(digit(text[at + 2]) * 16 + digit(text[at + 3]));
      at += 4;
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace logs
