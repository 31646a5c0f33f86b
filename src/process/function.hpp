// How a function is told to another process that runs the same program.
#pragma once

#include <cstdint>
#include <shoal/function.hpp>
#include <shoal/pickle.hpp>
#include <string>

#include "os/module.hpp"

namespace shoal::process {

/// A place of code: the build id of its module and the offset in it, which are the same in every
/// process wherever the module was loaded.
class FunctionRef {
 public:
  /// Throws ProcessError where the address lies in no module, or in one without a build id.
  static FunctionRef of(const void* address);
  /// Throws PickleError.
  static FunctionRef decode(const Object& object);

  void encode(pickle::Encoder& encoder) const;
  /// The address here. Throws ProcessError where this process has not loaded the module.
  [[nodiscard]] const void* resolve() const;
  [[nodiscard]] const os::CodePlace& place() const noexcept { return place_; }

 private:
  explicit FunctionRef(os::CodePlace place) : place_(std::move(place)) {}
  os::CodePlace place_;
};

/// A function that was given a name (register_function). Lives as long as the process.
struct Registered {
  std::string name;
  std::string value;  ///< the bytes of the function or member function pointer
  detail::EnterFunction enter;
  const Registered* next;
};
/// nullptr where there is none. Neither waits for other threads, so that children of a fork may
/// ask whatever those were doing.
const Registered* find_registered(detail::FunctionValue value) noexcept;
const Registered* find_registered(const std::string& name) noexcept;

}  // namespace shoal::process
