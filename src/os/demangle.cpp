#include "os/demangle.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace shoal::os {

std::string demangled(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return text ? std::string(text.get()) : name;
}

}  // namespace shoal::os
