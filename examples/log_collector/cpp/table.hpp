// What stands on the screen at the end.
#pragma once

#include "crew.hpp"
#include "inputs.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace logs {

/// 1234567 as "1,234,567".
[[nodiscard]] std::string grouped(std::int64_t number);

/// Prints the table of workers, what could not be read, and the check. True where every one of
/// `files` files was read whole and stands in the output.
bool print_result(const Crew& crew, const Inputs& inputs, std::size_t files);

}  // namespace logs
