// Decoder: numbers, strings and bytes.
#include "pickle/decoder.hpp"
#include "pickle/old_text.hpp"
#include "pickle/utf8.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <system_error>

namespace shoal::pickle {

namespace {
std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes to_bytes(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

/// The whole text as a number.
template <class Number>
std::errc parse(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return error;
  return end == text.data() + text.size() ? std::errc{} : std::errc::invalid_argument;
}
}  // namespace

void Decoder::push_text(std::span<const std::byte> utf8) {
  const std::string_view text = as_text(utf8);
  if (!is_utf8(text)) reader_.fail("a string is not UTF-8");
  charge(text.size());
  push(make(std::string(text)));
}

void Decoder::push_bytes(std::span<const std::byte> value) {
  charge(value.size());
  push(make(to_bytes(value)));
}

void Decoder::push_python2_string(std::string_view value) {
  const bool ascii = std::all_of(value.begin(), value.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  const auto bytes = std::as_bytes(std::span(value));
  return ascii ? push_text(bytes) : push_bytes(bytes);
}

void Decoder::push_decimal(std::string_view digits) {
  std::int64_t small = 0;
  if (parse(digits, small) == std::errc{}) return push(small);
  std::optional<BigInt> big = BigInt::from_decimal(digits);
  if (!big)
    reader_.fail("expected an integer of at most " + std::to_string(BigInt::kMaxDigits) +
                 " digits");
  charge(big->bytes().size() + sizeof(BigInt));
  push(std::move(*big));
}

void Decoder::op_int() {
  const std::string_view line = reader_.line();
  if (line == "01" || line == "00") return push(line == "01");
  push_decimal(line);
}

void Decoder::op_long() {
  std::string_view line = reader_.line();
  if (line.ends_with('L')) line.remove_suffix(1);
  push_decimal(line);
}

void Decoder::op_bin_long(std::size_t width) {
  const std::uint64_t size = reader_.number(width);
  charge(size + sizeof(BigInt));
  push(BigInt(reader_.take(size)));
}

void Decoder::op_float() {
  double value = 0;
  if (parse(reader_.line(), value) != std::errc{}) reader_.fail("expected a float");
  push(value);
}

void Decoder::op_bin_float() {
  std::uint64_t bits = 0;
  for (const std::byte byte : reader_.take(8)) bits = bits << 8 | std::to_integer<unsigned>(byte);
  push(std::bit_cast<double>(bits));
}

void Decoder::op_string() {
  const std::optional<std::string> value = unescape_quoted(reader_.line());
  if (!value) reader_.fail("expected a quoted string");
  push_python2_string(*value);
}

void Decoder::op_bin_string(std::size_t width) {
  push_python2_string(as_text(reader_.take(reader_.number(width))));
}

void Decoder::op_unicode() {
  const std::optional<std::string> value = unescape_unicode(reader_.line());
  if (!value) reader_.fail("malformed escape in a string");
  push_text(std::as_bytes(std::span(*value)));
}

void Decoder::op_bytearray() {
  const auto bytes = reader_.take(reader_.number(8));
  charge(bytes.size());
  push(make(ByteArray{to_bytes(bytes)}));
}

void Decoder::op_next_buffer() {
  if (buffers_.empty())
    reader_.fail("an out-of-band buffer is referred to, but there is none (left)");
  charge(buffers_.front().size());
  push(make(ByteArray{to_bytes(buffers_.front())}));
  buffers_ = buffers_.subspan(1);
}

void Decoder::op_readonly_buffer() {
  const auto* const array = top().get_if<ByteArray>();
  if (array == nullptr) return;  // it is read-only already
  charge(array->data.size());
  top() = make(Bytes(array->data));
}

}  // namespace shoal::pickle
