// A value as Python has it, without Python: what a pickle decodes to when no C++ type is asked for.
#pragma once

#include <shoal/bigint.hpp>

#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal {

namespace pickle {
class ObjectAccess;
}

/// Python's `bytes`.
using Bytes = std::vector<std::byte>;

/// Python's `bytearray`.
struct ByteArray {
  Bytes data;
  bool operator==(const ByteArray&) const = default;
};

struct List;
struct Tuple;
struct Dict;
struct Set;
struct FrozenSet;
struct Global;
struct Reduce;
struct PersistentId;

/// What an Object holds, with the C++ type that get_if and get take.
enum class Kind : std::uint8_t {
  none,
  boolean,        // bool
  integer,        // std::int64_t
  big_integer,    // BigInt, only where std::int64_t is too small
  real,           // double
  complex,        // std::complex<double>
  string,         // std::string: UTF-8, lone surrogates as three bytes each ("surrogatepass")
  bytes,          // Bytes
  bytearray,      // ByteArray
  list,           // List
  tuple,          // Tuple
  dict,           // Dict
  set,            // Set
  frozenset,      // FrozenSet
  global,         // Global
  reduce,         // Reduce
  persistent_id,  // PersistentId
};

/// Integers other than bool.
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

/// An immutable value: copies are cheap and share what they hold, so any number of threads may read
/// and copy one. It can hold no cycle. Destroying, comparing and printing recurse, once per level.
///
/// Equality is deep and strict: 1, 1.0 and True differ. Dicts and sets compare without regard to
/// order. NaN equals NaN, so that a value equals its copy.
class Object {
 public:
  Object() noexcept = default;  // None
  Object(std::nullptr_t) noexcept {}
  template <std::same_as<bool> T>
  Object(T value) noexcept : kind_(Kind::boolean), boolean_(value) {}
  template <Integer T>
  Object(T value) : Object(widen(value)) {}
  template <std::floating_point T>
  Object(T value) noexcept : kind_(Kind::real), real_(static_cast<double>(value)) {}
  Object(std::complex<double> value);
  Object(BigInt value);  // becomes Kind::integer where it fits
  Object(std::string utf8);
  Object(std::string_view utf8);
  Object(const char* utf8);
  Object(Bytes value);
  Object(ByteArray value);
  Object(List value);
  Object(Tuple value);
  Object(Dict value);
  Object(Set value);
  Object(FrozenSet value);
  Object(Global value);
  Object(Reduce value);
  Object(PersistentId value);

  [[nodiscard]] Kind kind() const noexcept { return kind_; }
  [[nodiscard]] bool is_none() const noexcept { return kind_ == Kind::none; }

  /// The value if it is held as a T (see Kind), else nullptr; valid as long as this object.
  template <class T>
  [[nodiscard]] const T* get_if() const noexcept;
  /// The value held as a T. Throws PickleError ("expected list, found str 'abc'").
  template <class T>
  [[nodiscard]] const T& get() const;

  friend bool operator==(const Object& a, const Object& b);

 private:
  friend class pickle::ObjectAccess;
  struct Wide {
    std::uint64_t bits;
    bool is_signed;
  };
  template <class T>
  static Wide widen(T value) noexcept {
    return {static_cast<std::uint64_t>(value), std::signed_integral<T>};
  }
  explicit Object(Wide value);
  Object(Kind kind, std::shared_ptr<const void> node) noexcept
      : kind_(kind), node_(std::move(node)) {}

  Kind kind_ = Kind::none;
  union {
    std::int64_t integer_ = 0;
    bool boolean_;
    double real_;
  };
  std::shared_ptr<const void> node_;  // of the type that kind_ says; null for the first five kinds
};

struct List {
  std::vector<Object> items;
  bool operator==(const List&) const = default;
};

struct Tuple {
  std::vector<Object> items;
  bool operator==(const Tuple&) const = default;
};

/// In the order of insertion. Nothing prevents equal keys; the last of them counts.
struct Dict {
  std::vector<std::pair<Object, Object>> items;
  /// Linear. The value, or nullptr.
  [[nodiscard]] const Object* find(const Object& key) const;
  [[nodiscard]] const Object* find(std::string_view key) const;
  [[nodiscard]] const Object* find(const char* key) const;
  friend bool operator==(const Dict& a, const Dict& b);
};

/// In any order; the maker keeps the items different.
struct Set {
  std::vector<Object> items;
  friend bool operator==(const Set& a, const Set& b);
};

struct FrozenSet {
  std::vector<Object> items;
  friend bool operator==(const FrozenSet& a, const FrozenSet& b);
};

/// A class or function of Python: by name, or by copyreg's extension code where that is not 0.
struct Global {
  std::string module;
  std::string name;
  std::int32_t extension = 0;
  bool operator==(const Global&) const = default;
};

/// An object of Python, as the recipe that a pickle holds: never carried out here, and written
/// again as it was read.
struct Reduce {
  enum class Form : std::uint8_t {
    call,          // callable(*args)
    make,          // callable.__new__(callable, *args)
    make_keyword,  // callable.__new__(callable, *args, **keywords)
    instance,      // callable(*args), or without arguments as `make` (Python 2's classes)
  };
  Form form = Form::call;
  Object callable;                                         // most often a Global
  Object args;                                             // a tuple
  Object keywords;                                         // a dict for make_keyword, else None
  std::vector<Object> list_items = {};                     // given to append()
  std::vector<std::pair<Object, Object>> dict_items = {};  // given to __setitem__()
  std::optional<Object> state = {};                        // given to __setstate__()
  bool operator==(const Reduce&) const = default;
};

/// A reference that the pickler's maker knows how to follow.
struct PersistentId {
  Object id;
  bool operator==(const PersistentId&) const = default;
};

/// As Python prints it: "{'a': [1, 2.5, None]}". Written up to about `limit` bytes, then "...".
/// Of the characters that Python escapes as not printable, those up to U+00AD are.
[[nodiscard]] std::string repr(const Object& object, std::size_t limit = std::string::npos);

/// Python's name of the type: "NoneType", "int", "str"; for a Reduce, "object".
[[nodiscard]] std::string_view type_name(Kind kind) noexcept;

/// The type and a short repr: "str 'abc'", "None".
[[nodiscard]] std::string describe(const Object& object);

/// Equal objects have equal hashes. Looks at some tens of parts; of a frozenset at all its items.
[[nodiscard]] std::size_t hash_value(const Object& object) noexcept;

/// PickleError "expected int, found str 'abc'".
[[noreturn]] void throw_mismatch(std::string_view expected, const Object& found);

namespace detail {
template <class T>
inline constexpr Kind kKindOf = Kind::none;
template <>
inline constexpr Kind kKindOf<bool> = Kind::boolean;
template <>
inline constexpr Kind kKindOf<std::int64_t> = Kind::integer;
template <>
inline constexpr Kind kKindOf<double> = Kind::real;
template <>
inline constexpr Kind kKindOf<std::complex<double>> = Kind::complex;
template <>
inline constexpr Kind kKindOf<BigInt> = Kind::big_integer;
template <>
inline constexpr Kind kKindOf<std::string> = Kind::string;
template <>
inline constexpr Kind kKindOf<Bytes> = Kind::bytes;
template <>
inline constexpr Kind kKindOf<ByteArray> = Kind::bytearray;
template <>
inline constexpr Kind kKindOf<List> = Kind::list;
template <>
inline constexpr Kind kKindOf<Tuple> = Kind::tuple;
template <>
inline constexpr Kind kKindOf<Dict> = Kind::dict;
template <>
inline constexpr Kind kKindOf<Set> = Kind::set;
template <>
inline constexpr Kind kKindOf<FrozenSet> = Kind::frozenset;
template <>
inline constexpr Kind kKindOf<Global> = Kind::global;
template <>
inline constexpr Kind kKindOf<Reduce> = Kind::reduce;
template <>
inline constexpr Kind kKindOf<PersistentId> = Kind::persistent_id;
}  // namespace detail

template <class T>
const T* Object::get_if() const noexcept {
  constexpr Kind kWanted = detail::kKindOf<T>;
  static_assert(kWanted != Kind::none, "no Object holds this type: see Kind");
  if (kind_ != kWanted) return nullptr;
  if constexpr (kWanted == Kind::boolean) return &boolean_;
  else if constexpr (kWanted == Kind::integer) return &integer_;
  else if constexpr (kWanted == Kind::real) return &real_;
  else return static_cast<const T*>(node_.get());
}

template <class T>
const T& Object::get() const {
  if (const T* const value = get_if<T>()) return *value;
  throw_mismatch(type_name(detail::kKindOf<T>), *this);
}

}  // namespace shoal

template <>
struct std::hash<shoal::Object> {
  std::size_t operator()(const shoal::Object& object) const noexcept {
    return shoal::hash_value(object);
  }
};
