// The pickle of what is made of the plain types alone, without Python's pickler, whose making takes
// several times as long as such a pickle.
#pragma once

#include <Python.h>

#include <cstddef>
#include <shoal/buffer.hpp>

namespace shoal::python {

/// Larger ones, but for the last of their values, are for Python's pickler: making that is no
/// matter there, and nothing large is to be pickled twice.
constexpr std::size_t kMostPlain = 64UL * 1024;

/// One of the containers of which pickle_plain() knows.
inline bool may_be_plain(PyObject* object) noexcept {
  return PyDict_CheckExact(object) || PyList_CheckExact(object) || PyTuple_CheckExact(object);
}

/// Writes the pickle of a dict, list or tuple of such and of str, bytes, int, float, bool and None,
/// each of exactly that type: no user code has a say in these. What is shared is shared again where
/// it is read. False, with no error set, where something else is among it, or it is large, nested
/// deeply, or in a circle through a tuple: that is for Python's pickler, and `into` holds anything
/// then. Throws std::bad_alloc.
bool pickle_plain(PyObject* object, ByteBuffer& into);

}  // namespace shoal::python
