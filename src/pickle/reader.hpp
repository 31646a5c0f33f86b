// The input of a decoder: every size that the pickle claims is held against what is left.
#pragma once

#include <shoal/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace shoal::pickle {

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// Reads an opcode, to whose place errors refer until the next.
  unsigned char opcode() {
    opcode_at_ = position_;
    return static_cast<unsigned char>(take(1)[0]);
  }

  /// Fails unless `count` bytes are left.
  void expect(std::uint64_t count) const {
    if (count > bytes_.size() - position_) fail("the pickle ends too early");
  }

  std::span<const std::byte> take(std::uint64_t count) {
    expect(count);
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
  }

  /// An unsigned number of `width` bytes, at most 8.
  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    const std::span<const std::byte> bytes = take(width);
    for (std::size_t i = 0; i < width; ++i)
      value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    return value;
  }

  std::int32_t signed_number() { return static_cast<std::int32_t>(number(4)); }

  /// The rest of the line, without the '\n' that it must end in.
  std::string_view line() {
    const auto* const begin = reinterpret_cast<const char*>(bytes_.data()) + position_;
    const std::string_view rest(begin, bytes_.size() - position_);
    const std::size_t length = rest.find('\n');
    if (length == rest.npos) fail("a line has no end");
    position_ += length + 1;
    return rest.substr(0, length);
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw PickleError("cannot read the pickle at byte " + std::to_string(opcode_at_) + ": " + what,
                      opcode_at_);
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t position_ = 0;
  std::size_t opcode_at_ = 0;
};

}  // namespace shoal::pickle
