// The counterpart of plain_pickler.hpp.
#pragma once

#include <Python.h>

#include <cstddef>
#include <span>

namespace shoal::python {

/// The object of a pickle that pickle_plain() can have written, or Python's pickler of the same
/// types. nullptr, with no error set, where it cannot be read here, for whichever reason: Python's
/// unpickler reads it then, or says what is wrong.
PyObject* unpickle_plain(std::span<const std::byte> pickle) noexcept;

}  // namespace shoal::python
