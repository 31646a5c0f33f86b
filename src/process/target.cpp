// How targets are written and read: the parts that need no types.
#include <array>
#include <bit>
#include <cstring>
#include <shoal/error.hpp>
#include <shoal/target.hpp>
#include <string>

#include "os/module.hpp"
#include "process/function.hpp"

namespace shoal::detail {
namespace {

// A member function pointer of the Itanium C++ ABI: an address, or an offset in the virtual table.
struct MemberFunction {
  std::uintptr_t place = 0;
  std::ptrdiff_t adjustment = 0;

  [[nodiscard]] bool is_virtual() const noexcept {
#if defined(__aarch64__) || defined(__arm__)
    return (adjustment & 1) != 0;
#else
    return (place & 1U) != 0;
#endif
  }
};

const process::Registered& registered(const std::string& name) {
  const auto* known = process::find_registered(name);
  if (known != nullptr) return *known;
  throw ProcessError("no function is registered here as '" + name +
                     "'; SHOAL_REGISTER it at namespace scope, or before shoal::init");
}

void copy_value(const process::Registered& function, void* value, std::size_t size) {
  if (function.value.size() != size) {
    throw ProcessError("'" + function.name + "' is registered as another kind of function");
  }
  std::memcpy(value, function.value.data(), size);
}

}  // namespace

Target::~Target() = default;

void encode_function(pickle::Encoder& encoder, const void* address) {
  if (const auto* known =
          process::find_registered({static_cast<const void*>(&address), sizeof address})) {
    encoder.str(known->name);
  } else {
    process::FunctionRef::of(address).encode(encoder);
  }
}

const void* decode_function(const Object& object) {
  const auto* name = object.get_if<std::string>();
  if (name == nullptr) return process::FunctionRef::decode(object).resolve();
  const void* address = nullptr;
  copy_value(registered(*name), static_cast<void*>(&address), sizeof address);
  return address;
}

void encode_member_function(pickle::Encoder& encoder, FunctionValue value) {
  if (const auto* known = process::find_registered(value)) return encoder.str(known->name);
  MemberFunction member;
  if (value.size != sizeof member) throw ProcessError("a member function of an unknown form");
  std::memcpy(&member, value.bytes, sizeof member);
  encoder.begin_tuple();
  if (member.is_virtual()) {
    encoder.unsigned_integer(member.place);
  } else {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    process::FunctionRef::of(reinterpret_cast<const void*>(member.place)).encode(encoder);
  }
  encoder.integer(member.adjustment);
  encoder.end_tuple();
}

void decode_member_function(const Object& object, void* value, std::size_t size) {
  if (const auto* name = object.get_if<std::string>()) {
    return copy_value(registered(*name), value, size);
  }
  const auto items = tuple_items(object, 2);
  MemberFunction member;
  if (items[0].kind() == Kind::integer) {
    member.place = decode<std::uintptr_t>(items[0]);
  } else {
    member.place = std::bit_cast<std::uintptr_t>(process::FunctionRef::decode(items[0]).resolve());
  }
  member.adjustment = decode<std::ptrdiff_t>(items[1]);
  if (size != sizeof member) throw ProcessError("a member function of an unknown form");
  std::memcpy(value, &member, sizeof member);
}

std::span<const Object> target_items(const Object& target, std::size_t count) {
  return tuple_items(target, count);
}

void throw_unshippable(std::size_t part, const std::type_info& type) {
  const std::string name = os::type_name(type);
  if (part == 0) {
    throw ProcessError("the target, of type " + name +
                       ", cannot be sent to another process: use a function, a member function, a "
                       "lambda without captures or a callable with shoal_fields, or "
                       "StartMethod::fork");
  }
  throw ProcessError("argument " + std::to_string(part) + ", of type " + name +
                     ", cannot be sent to another process: give the type shoal_fields or a "
                     "shoal::Codec, pass a value instead of a pointer or reference, or use "
                     "StartMethod::fork");
}

}  // namespace shoal::detail
