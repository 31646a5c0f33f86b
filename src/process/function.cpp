#include "process/function.hpp"

#include <atomic>
#include <cstring>
#include <shoal/codec.hpp>
#include <shoal/error.hpp>
#include <stdexcept>
#include <string_view>

namespace shoal {
namespace process {
namespace {

constinit std::atomic<const Registered*> all_registered{nullptr};

std::string_view bytes_of(detail::FunctionValue value) noexcept {
  return {static_cast<const char*>(value.bytes), value.size};
}

constexpr const char* kHint =
    "; make the function known by name with SHOAL_REGISTER, or use StartMethod::fork";

}  // namespace

FunctionRef FunctionRef::of(const void* address) {
  auto place = os::find_place(address);
  if (!place) {
    throw ProcessError(std::string("a function cannot be sent to another process: its address "
                                   "lies in no loaded module") +
                       kHint);
  }
  if (place->build_id.empty()) {
    throw ProcessError("a function of " + place->module +
                       " cannot be sent to another process: the module has no build id; link it "
                       "with -Wl,--build-id" +
                       kHint);
  }
  return FunctionRef(*std::move(place));
}

void FunctionRef::encode(pickle::Encoder& encoder) const {
  encoder.begin_tuple();
  encoder.bytes(place_.build_id);
  encoder.unsigned_integer(place_.offset);
  encoder.str(place_.module);
  encoder.end_tuple();
}

FunctionRef FunctionRef::decode(const Object& object) {
  const auto items = detail::tuple_items(object, 3);
  return FunctionRef({.module = shoal::decode<std::string>(items[2]),
                      .build_id = shoal::decode<Bytes>(items[0]),
                      .offset = shoal::decode<std::uint64_t>(items[1])});
}

const void* FunctionRef::resolve() const {
  const void* address = nullptr;
  switch (os::find_address(place_.build_id, place_.offset, address)) {
    case os::Found::kYes: return address;
    case os::Found::kNoModule:
      throw ProcessError("a function of " + place_.module +
                         " is not here: this process has not loaded that module, or another build "
                         "of it; load it before shoal::init, or use StartMethod::fork");
    case os::Found::kNoCode: break;
  }
  throw ProcessError(place_.module + " has no function at offset " + std::to_string(place_.offset));
}

const Registered* find_registered(detail::FunctionValue value) noexcept {
  const std::string_view wanted = bytes_of(value);
  if (wanted.empty()) return nullptr;
  const auto* known = all_registered.load(std::memory_order_acquire);
  while (known != nullptr && known->value != wanted) known = known->next;
  return known;
}

const Registered* find_registered(const std::string& name) noexcept {
  const auto* known = all_registered.load(std::memory_order_acquire);
  while (known != nullptr && known->name != name) known = known->next;
  return known;
}

}  // namespace process

bool detail::register_target(std::string name, FunctionValue value, EnterFunction enter) {
  using process::Registered;
  if (name.empty()) throw std::invalid_argument("register_function: the name is empty");
  const std::string bytes(process::bytes_of(value));
  if (const auto* known = process::find_registered(name)) {
    if (known->value == bytes) return true;
    throw std::invalid_argument("register_function: '" + name + "' is another function's name");
  }
  // Never freed: a function stays known until the process ends.
  auto* const fresh = new Registered{std::move(name), bytes, enter, nullptr};
  fresh->next = process::all_registered.load(std::memory_order_relaxed);
  while (!process::all_registered.compare_exchange_weak(  // pairs with the loads of find_registered
      fresh->next, fresh, std::memory_order_release, std::memory_order_relaxed)) {
  }
  return true;
}

}  // namespace shoal
