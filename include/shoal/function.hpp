// Functions that travel by name.
#pragma once

#include <shoal/object.hpp>

#include <memory>
#include <string>
#include <type_traits>

namespace shoal {

namespace detail {
class Target;
using EnterFunction = std::unique_ptr<Target> (*)(const Object& target);
/// The bytes of a function or member function pointer, zeros behind them.
struct FunctionValue {
  const void* bytes;
  unsigned size;
};
bool register_target(std::string name, FunctionValue value, EnterFunction enter);
template <class F>
EnterFunction enter_registered() noexcept;
}  // namespace detail

/// Makes `function`, a function or a member function, known by a name that is the same in every
/// process. Functions travel without it, as a place in their module (build id and offset); this is
/// for modules linked without a build id, and for functions in plugins that a child loads at
/// another time. To be called before shoal::init, as SHOAL_REGISTER does. Returns true. Throws
/// std::invalid_argument where the name is taken by another function.
template <class F>
bool register_function(std::string name, F function) {
  static_assert(
      std::is_member_function_pointer_v<F> || std::is_function_v<std::remove_pointer_t<F>>,
      "register_function takes a function or a member function");
  return detail::register_target(std::move(name), {&function, sizeof function},
                                 detail::enter_registered<F>());
}

}  // namespace shoal

#define SHOAL_DETAIL_JOIN2(a, b) a##b
#define SHOAL_DETAIL_JOIN(a, b) SHOAL_DETAIL_JOIN2(a, b)
/// At namespace scope of a source file: SHOAL_REGISTER(work); or SHOAL_REGISTER(&Worker::run);
#define SHOAL_REGISTER(function)                                                         \
  [[maybe_unused]] static const bool SHOAL_DETAIL_JOIN(shoal_registered_, __COUNTER__) = \
      ::shoal::register_function(#function, function)

#include <shoal/target.hpp>
