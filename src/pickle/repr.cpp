#include <shoal/object.hpp>

#include "pickle/utf8.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

namespace shoal {

namespace {
/// Python's shortest text that reads back as the same double, without a final ".0".
std::string float_digits(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 400> text{};
  char* const end = text.data() + text.size();
  const double size = std::fabs(value);
  const bool fixed = size == 0 || (size >= 1e-4 && size < 1e16);  // where Python writes no exponent
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  return {text.data(), std::to_chars(text.data(), end, value, format).ptr};
}

std::string float_repr(double value) {
  std::string text = float_digits(value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string complex_repr(std::complex<double> value) {
  std::string imaginary = float_digits(value.imag()) + "j";
  if (value.real() == 0 && !std::signbit(value.real())) return imaginary;
  const bool signed_already = std::signbit(value.imag()) && !std::isnan(value.imag());
  return "(" + float_digits(value.real()) + (signed_already ? "" : "+") + imaginary + ")";
}

class Printer {
 public:
  explicit Printer(std::size_t limit) : limit_(limit) {}
  void print(const Object& object);
  std::string take();

 private:
  [[nodiscard]] bool full() const { return text_.size() > limit_; }
  bool print_scalar(const Object& object);
  void print_reduce(const Reduce& reduce);
  void print_global(const Global& global);
  void string(std::string_view utf8);
  void bytes(std::span<const std::byte> value);
  void items(const std::vector<Object>& values);
  void pairs(const std::vector<std::pair<Object, Object>>& values);
  bool escape_common(char32_t character, char quote);
  void escape_hex(char letter, std::size_t width, char32_t value);

  std::string text_;
  std::size_t limit_;
};

void Printer::escape_hex(char letter, std::size_t width, char32_t value) {
  std::array<char, 8> digits{};
  const char* const end =
      std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<unsigned>(value), 16)
          .ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  text_ += '\\';
  text_ += letter;
  text_.append(width - std::min(width, length), '0');
  text_.append(digits.data(), length);
}

bool Printer::escape_common(char32_t character, char quote) {
  switch (character) {
    case U'\n': text_ += "\\n"; return true;
    case U'\r': text_ += "\\r"; return true;
    case U'\t': text_ += "\\t"; return true;
    case U'\\': text_ += "\\\\"; return true;
    default: break;
  }
  if (character == static_cast<char32_t>(quote)) text_ += '\\';
  else if (character < 0x20 || character == 0x7f) return escape_hex('x', 2, character), true;
  else if (character > 0x7f) return false;
  text_ += static_cast<char>(character);
  return true;
}

void Printer::string(std::string_view utf8) {
  const bool single = utf8.find('\'') == utf8.npos || utf8.find('"') != utf8.npos;
  const char quote = single ? '\'' : '"';
  text_ += quote;
  for (std::size_t position = 0; position < utf8.size() && !full();) {
    const std::size_t start = position;
    const std::optional<char32_t> point = pickle::next_code_point(utf8, position);
    if (!point) escape_hex('x', 2, static_cast<unsigned char>(utf8[start]));
    else if (escape_common(*point, quote)) continue;
    else if (*point <= 0xa0 || *point == 0xad) escape_hex('x', 2, *point);
    else if (*point >= 0xd800 && *point < 0xe000) escape_hex('u', 4, *point);
    else text_ += utf8.substr(start, position - start);
  }
  text_ += quote;
}

void Printer::bytes(std::span<const std::byte> value) {
  const auto has = [&](char c) {
    return std::find(value.begin(), value.end(), static_cast<std::byte>(c)) != value.end();
  };
  const char quote = has('\'') && !has('"') ? '"' : '\'';
  text_ += 'b';
  text_ += quote;
  for (const std::byte byte : value) {
    if (full()) break;
    const auto character = static_cast<char32_t>(byte);
    if (!escape_common(character, quote)) escape_hex('x', 2, character);
  }
  text_ += quote;
}

void Printer::items(const std::vector<Object>& values) {
  const char* separator = "";
  for (const Object& value : values) {
    if (full()) return;
    text_ += separator;
    print(value);
    separator = ", ";
  }
}

void Printer::pairs(const std::vector<std::pair<Object, Object>>& values) {
  const char* separator = "";
  for (const auto& [key, value] : values) {
    if (full()) return;
    text_ += separator;
    print(key);
    text_ += ": ";
    print(value);
    separator = ", ";
  }
}

void Printer::print_global(const Global& global) {
  if (global.extension != 0) text_ += "extension " + std::to_string(global.extension);
  else text_ += global.module + "." + global.name;
}

void Printer::print_reduce(const Reduce& reduce) {
  text_ += '<';
  if (const auto* global = reduce.callable.get_if<Global>()) print_global(*global);
  else print(reduce.callable);
  if (reduce.args.get_if<Tuple>() == nullptr) text_ += ' ';
  print(reduce.args);
  if (!reduce.keywords.is_none()) {
    text_ += " keywords ";
    print(reduce.keywords);
  }
  if (reduce.state) {
    text_ += " state ";
    print(*reduce.state);
  }
  text_ += '>';
}

bool Printer::print_scalar(const Object& object) {
  if (object.is_none()) text_ += "None";
  else if (const auto* flag = object.get_if<bool>()) text_ += *flag ? "True" : "False";
  else if (const auto* number = object.get_if<std::int64_t>()) text_ += std::to_string(*number);
  else if (const auto* big = object.get_if<BigInt>()) text_ += big->to_string();
  else if (const auto* real = object.get_if<double>()) text_ += float_repr(*real);
  else if (const auto* complex = object.get_if<std::complex<double>>())
    text_ += complex_repr(*complex);
  else if (const auto* text = object.get_if<std::string>()) string(*text);
  else if (const auto* raw = object.get_if<Bytes>()) bytes(*raw);
  else return false;
  return true;
}

void Printer::print(const Object& object) {
  if (full() || print_scalar(object)) return;
  const auto enclosed = [&](const char* before, const auto& inside, const char* after) {
    text_ += before;
    if constexpr (requires { pairs(inside); }) pairs(inside);
    else if constexpr (requires { items(inside); }) items(inside);
    else inside();
    text_ += after;
  };
  if (const auto* array = object.get_if<ByteArray>())
    enclosed("bytearray(", [&] { bytes(array->data); }, ")");
  else if (const auto* list = object.get_if<List>()) enclosed("[", list->items, "]");
  else if (const auto* tuple = object.get_if<Tuple>())
    enclosed("(", tuple->items, tuple->items.size() == 1 ? ",)" : ")");
  else if (const auto* dict = object.get_if<Dict>()) enclosed("{", dict->items, "}");
  else if (const auto* set = object.get_if<Set>())
    set->items.empty() ? void(text_ += "set()") : enclosed("{", set->items, "}");
  else if (const auto* frozen = object.get_if<FrozenSet>())
    frozen->items.empty() ? void(text_ += "frozenset()")
                          : enclosed("frozenset({", frozen->items, "})");
  else if (const auto* global = object.get_if<Global>())
    enclosed("<", [&] { print_global(*global); }, ">");
  else if (const auto* id = object.get_if<PersistentId>())
    enclosed("<persistent id ", [&] { print(id->id); }, ">");
  else if (const auto* reduce = object.get_if<Reduce>()) print_reduce(*reduce);
}

std::string Printer::take() {
  if (full()) {
    std::size_t end = limit_;  // not inside a character
    while (end > 0 && (static_cast<unsigned char>(text_[end]) & 0xc0U) == 0x80) --end;
    text_.resize(end);
    text_ += "...";
  }
  return std::move(text_);
}
}  // namespace

std::string repr(const Object& object, std::size_t limit) {
  Printer printer(limit);
  printer.print(object);
  return printer.take();
}

}  // namespace shoal
