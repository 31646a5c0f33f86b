#include <shoal/error.hpp>
#include <shoal/pickle.hpp>

#include "pickle/memo.hpp"
#include "pickle/opcodes.hpp"
#include "pickle/utf8.hpp"

#include <array>
#include <bit>
#include <limits>
#include <span>
#include <string>

namespace shoal::pickle {

namespace {
/// The opcodes of one type, for lengths of one, four and eight bytes.
using SizedOps = std::array<unsigned char, 3>;
constexpr SizedOps kStrOps = {kShortBinUnicode, kBinUnicode, kBinUnicode8};
constexpr SizedOps kBytesOps = {kShortBinBytes, kBinBytes, kBinBytes8};

void store_little(std::byte* to, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) to[i] = static_cast<std::byte>(value >> (8 * i));
}

/// An opcode and its argument of `width` bytes.
void put_number(ByteBuffer& out, unsigned char opcode, std::uint64_t value, std::size_t width) {
  std::byte* const to = out.extend(1 + width);
  to[0] = static_cast<std::byte>(opcode);
  store_little(to + 1, value, width);
}

void put_long(ByteBuffer& out, std::span<const std::byte> twos_complement) {
  const std::size_t size = twos_complement.size();
  if (size <= 0xff) put_number(out, kLong1, size, 1);
  else if (size <= 0x7fffffff) put_number(out, kLong4, size, 4);
  else throw PickleError("an integer of " + std::to_string(size) + " bytes has no pickle");
  out.append(twos_complement);
}
}  // namespace

Encoder::Encoder(ByteBuffer& out) : out_(out) { put_number(out_, kProto, kProtocol, 1); }

Encoder::~Encoder() = default;

void Encoder::put(unsigned char opcode) { out_.push_back(static_cast<std::byte>(opcode)); }

void Encoder::none() { put(kNone); }

void Encoder::boolean(bool value) { put(value ? kNewTrue : kNewFalse); }

void Encoder::integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (bits <= 0xff) put_number(out_, kBinInt1, bits, 1);
  else if (bits <= 0xffff) put_number(out_, kBinInt2, bits, 2);
  else if (value == static_cast<std::int32_t>(value)) put_number(out_, kBinInt, bits, 4);
  else put_long(out_, BigInt::from_int64(value).bytes());
}

void Encoder::unsigned_integer(std::uint64_t value) {
  if (std::in_range<std::int64_t>(value)) integer(static_cast<std::int64_t>(value));
  else put_long(out_, BigInt::from_uint64(value).bytes());
}

void Encoder::big_integer(const BigInt& value) {
  if (const std::optional<std::int64_t> small = value.to_int64()) integer(*small);
  else put_long(out_, value.bytes());
}

void Encoder::real(double value) {
  std::byte* const to = out_.extend(9);
  to[0] = std::byte{kBinFloat};
  const auto bits = std::bit_cast<std::uint64_t>(value);  // big-endian, alone in the format
  for (std::size_t i = 0; i < 8; ++i) to[1 + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
}

void Encoder::complex(std::complex<double> value) {
  global("builtins", "complex");
  begin_tuple();
  real(value.real());
  real(value.imag());
  end_tuple();
  reduce();
}

void Encoder::put_sized(std::span<const unsigned char, 3> opcodes,
                        std::span<const std::byte> value) {
  const std::size_t size = value.size();
  if (size <= 0xff) put_number(out_, opcodes[0], size, 1);
  else if (size <= 0xffffffff) put_number(out_, opcodes[1], size, 4);
  else put_number(out_, opcodes[2], size, 8);
  out_.append(value);
}

void Encoder::str(std::string_view utf8) {
  if (!is_utf8(utf8))
    throw PickleError("expected UTF-8, found " + repr(Object(utf8), 60) + ": send it as Bytes");
  put_sized(kStrOps, std::as_bytes(std::span(utf8)));
}

void Encoder::bytes(std::span<const std::byte> value) { put_sized(kBytesOps, value); }

void Encoder::bytearray(std::span<const std::byte> value) {
  put_number(out_, kByteArray8, value.size(), 8);
  out_.append(value);
}

void Encoder::global(std::string_view module, std::string_view name) {
  str(module);
  str(name);
  put(kStackGlobal);
}

void Encoder::begin_list() {
  put(kEmptyList);
  put(kMark);
}
void Encoder::end_list() { put(kAppends); }
void Encoder::begin_tuple() { put(kMark); }
void Encoder::end_tuple() { put(kTuple); }
void Encoder::begin_dict() {
  put(kEmptyDict);
  put(kMark);
}
void Encoder::end_dict() { put(kSetItems); }
void Encoder::begin_set() {
  put(kEmptySet);
  put(kMark);
}
void Encoder::end_set() { put(kAddItems); }
void Encoder::begin_frozenset() { put(kMark); }
void Encoder::end_frozenset() { put(kFrozenSet); }

void Encoder::reduce() { put(kReduce); }
void Encoder::build() { put(kBuild); }

void Encoder::persistent_id(const Object& id) {
  object(id);
  put(kBinPersId);
}

void Encoder::finish() { put(kStop); }

}  // namespace shoal::pickle
