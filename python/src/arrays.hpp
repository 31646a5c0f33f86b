// array.array of numbers, which travels as the numbers alone.
#pragma once

#include <Python.h>

#include <cstddef>
#include <optional>
#include <shoal/numbers.hpp>
#include <span>

namespace shoal::python {

/// Whether it is an array.array, and of no class derived from it.
bool is_array(PyObject* object) noexcept;

/// What is in an array of that format; nothing for one of characters.
std::optional<detail::NumberType> numbers_of_format(const char* format, std::size_t size) noexcept;

/// The array of a record of numbers: a new reference, or nullptr with an error set.
PyObject* array_from(std::span<const std::byte> record);

}  // namespace shoal::python
