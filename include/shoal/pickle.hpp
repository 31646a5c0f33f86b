// Python's pickle format as data: written as protocol 5, read from protocols 0 to 5. Reading never
// runs code. No input or output happens here.
#pragma once

#include <shoal/buffer.hpp>
#include <shoal/object.hpp>

#include <complex>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace shoal::pickle {

/// Most levels of nesting that Encoder::object writes, and that load accepts unless told.
inline constexpr std::size_t kMaxDepth = 1000;

/// Appends one pickle to a buffer, value by value. A container is begun, its parts are written (a
/// dict's key, value, key, value), and it is ended; nothing checks that the ends match. For one
/// thread. Every method may throw std::bad_alloc.
class Encoder {
 public:
  /// Writes the two bytes every pickle begins with. `out` must outlive the encoder.
  explicit Encoder(ByteBuffer& out);
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  ~Encoder();

  void none();
  void boolean(bool value);
  void integer(std::int64_t value);
  void unsigned_integer(std::uint64_t value);
  void big_integer(const BigInt& value);
  void real(double value);
  void complex(std::complex<double> value);
  /// Throws PickleError if it is not UTF-8, lone surrogates allowed: Python could not read it.
  void str(std::string_view utf8);
  void bytes(std::span<const std::byte> value);
  void bytearray(std::span<const std::byte> value);
  void global(std::string_view module, std::string_view name);

  void begin_list();
  void end_list();
  void begin_tuple();
  void end_tuple();
  void begin_dict();
  void end_dict();
  void begin_set();
  void end_set();
  void begin_frozenset();
  void end_frozenset();

  /// Call after the callable and the tuple of its arguments: replaces both by the result.
  void reduce();
  /// Call after an object and its state: gives the one to the other.
  void build();
  void persistent_id(const Object& id);

  /// What `object` shares (a list held twice) is written once, and is shared again when read.
  /// Throws PickleError beyond kMaxDepth levels.
  void object(const Object& object);

  /// Ends the pickle; the encoder is of no further use.
  void finish();

 private:
  class Memo;
  void put(unsigned char opcode);
  void put_sized(std::span<const unsigned char, 3> opcodes, std::span<const std::byte> value);
  void node(const Object& object);
  void container(const Object& object);
  void reduce_object(const Reduce& value);
  void global_object(const Global& value);
  void items(std::span<const Object> values);
  void items(std::span<const std::pair<Object, Object>> pairs);

  ByteBuffer& out_;
  std::unique_ptr<Memo> memo_;  // made when the first shared value is met
  std::size_t depth_ = 0;
};

/// What a pickle may ask for before load refuses it.
struct Limits {
  std::size_t depth = kMaxDepth;              ///< levels of nesting; each costs stack later on
  std::size_t memory = std::size_t{4} << 30;  ///< bytes allocated in all, roughly
};

/// The out-of-band buffers of protocol 5, in the order they were handed out.
using Buffers = std::span<const std::span<const std::byte>>;

/// Decodes one pickle; bytes after its end are ignored, as Python does. Safe against any input, and
/// linear in its size but for the copies that `limits` bounds. Throws PickleError with its offset:
/// malformed, beyond `limits`, or a value that holds itself.
///
/// Where the pickle shares a value the Objects share it too. What Python would build by calling
/// something becomes a Reduce, but for bytes, bytearray, set, frozenset and complex, which old
/// protocols write as calls. Python 2 strings become str if they are ASCII, else bytes.
[[nodiscard]] Object load(std::span<const std::byte> pickle, const Limits& limits = {});
/// Out-of-band buffers become bytearray, or bytes where marked read-only.
[[nodiscard]] Object load(std::span<const std::byte> pickle, Buffers buffers,
                          const Limits& limits = {});

/// The same of a pickle and its buffers as they stand in an item of a queue (pickle/bundle.hpp).
[[nodiscard]] Object load_bundle(std::span<const std::byte> bundle, const Limits& limits = {});

/// A pickle of one plain scalar, taken apart in place.
struct Scalar {
  Kind kind = Kind::none;    ///< none, boolean, integer, real, string or bytes
  std::int64_t integer = 0;  ///< boolean: 0 or 1
  double real = 0;
  std::span<const std::byte> bytes = {};  ///< string or bytes: lies in the pickle
};

/// The short way for the commonest pickles; nullopt sends the caller to load, and says nothing
/// about the bytes. A string has been checked to be UTF-8.
[[nodiscard]] std::optional<Scalar> scan_scalar(std::span<const std::byte> pickle) noexcept;

}  // namespace shoal::pickle
