#include <shoal/error.hpp>
#include <shoal/object.hpp>

#include "pickle/access.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace shoal {

using pickle::ObjectAccess;

Object::Object(Wide value) : kind_(Kind::integer), integer_(static_cast<std::int64_t>(value.bits)) {
  if (!value.is_signed && integer_ < 0) *this = ObjectAccess::make(BigInt::from_uint64(value.bits));
}
Object::Object(BigInt value) {
  const std::optional<std::int64_t> small = value.to_int64();
  *this = small ? Object(*small) : ObjectAccess::make(std::move(value));
}
Object::Object(std::complex<double> value) : Object(ObjectAccess::make(value)) {}
Object::Object(std::string utf8) : Object(ObjectAccess::make(std::move(utf8))) {}
Object::Object(std::string_view utf8) : Object(std::string(utf8)) {}
Object::Object(const char* utf8) : Object(std::string(utf8)) {}
Object::Object(Bytes value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(ByteArray value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(List value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(Tuple value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(Dict value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(Set value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(FrozenSet value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(Global value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(Reduce value) : Object(ObjectAccess::make(std::move(value))) {}
Object::Object(PersistentId value) : Object(ObjectAccess::make(std::move(value))) {}

std::string_view type_name(Kind kind) noexcept {
  static constexpr std::array<std::string_view, 17> kNames = {
      "NoneType", "bool",      "int",       "int",    "float",        "complex",
      "str",      "bytes",     "bytearray", "list",   "tuple",        "dict",
      "set",      "frozenset", "global",    "object", "persistent id"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string describe(const Object& object) {
  constexpr std::size_t kLimit = 60;
  if (object.is_none()) return "None";
  return std::string(type_name(object.kind())) + " " + repr(object, kLimit);
}

void throw_mismatch(std::string_view expected, const Object& found) {
  throw PickleError("expected " + std::string(expected) + ", found " + describe(found));
}

const Object* Dict::find(const Object& key) const {
  const auto found = std::find_if(items.rbegin(), items.rend(),
                                  [&](const auto& item) { return item.first == key; });
  return found == items.rend() ? nullptr : &found->second;
}

const Object* Dict::find(std::string_view key) const { return find(Object(key)); }
const Object* Dict::find(const char* key) const { return find(Object(key)); }

}  // namespace shoal
