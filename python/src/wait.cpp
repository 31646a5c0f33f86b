// Waits: signals of Python inside them, and their arguments.
#include <Python.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <shoal/wait.hpp>
#include <stdexcept>

#include "os/task.hpp"
#include "python.hpp"

namespace shoal::python {
namespace {

// Called by the core in a wait, without the interpreter's lock and with no shared lock held. Only
// the main thread runs Python's signal handlers.
bool handlers_raised() {
  if (!os::is_main_thread() || Py_IsInitialized() == 0) return false;
  const PyGILState_STATE state = PyGILState_Ensure();
  const bool raised = PyErr_CheckSignals() != 0;
  PyGILState_Release(state);
  return raised;  // the error stays set in this thread
}

bool is_named(PyObject* name, const char* text) {
  return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

bool too_many(const char* function, Py_ssize_t given, Py_ssize_t most) {
  PyErr_Format(PyExc_TypeError, "%s() takes at most %zd arguments (%zd given)", function, most,
               given);
  return false;
}

}  // namespace

void install_interrupt_check() noexcept { set_interrupt_check(handlers_raised); }

std::optional<os::Deadline> deadline_from(bool block, PyObject* timeout) {
  if (!block) return os::Deadline::now();
  if (timeout == nullptr || timeout == Py_None) return os::Deadline::never();
  const double seconds = PyFloat_AsDouble(timeout);
  if (seconds == -1.0 && PyErr_Occurred() != nullptr) return std::nullopt;
  if (std::isnan(seconds)) throw std::invalid_argument("a timeout cannot be NaN");
  if (seconds <= 0) return os::Deadline::now();
  constexpr double kNanoseconds = 1e9;
  if (seconds * kNanoseconds >= static_cast<double>(std::numeric_limits<std::int64_t>::max())) {
    return os::Deadline::never();
  }
  return os::Deadline::after(
      os::Nanoseconds(static_cast<std::int64_t>(std::ceil(seconds * kNanoseconds))));
}

bool parse_block(const char* function, PyObject* const* args, Py_ssize_t count, PyObject* names,
                 PyObject** first, BlockArguments& parsed, const char* first_name) {
  PyObject* values[3] = {nullptr, nullptr, nullptr};  // obj (where there is one), block, timeout
  const Py_ssize_t skip = first == nullptr ? 1 : 0;
  const Py_ssize_t most = 3 - skip;
  if (count > most) return too_many(function, count, most);
  for (Py_ssize_t i = 0; i < count; ++i) values[i + skip] = args[i];
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  const char* known[] = {first_name, "block", "timeout"};
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    Py_ssize_t place = skip;
    while (place < 3 && !is_named(name, known[place])) ++place;
    if (place == 3 || values[place] != nullptr) {
      PyErr_Format(PyExc_TypeError, "%s() got an unexpected or repeated argument %R", function,
                   name);
      return false;
    }
    values[place] = args[count + i];
  }
  if (first != nullptr) {
    if (values[0] == nullptr) {
      PyErr_Format(PyExc_TypeError, "%s() missing 1 required positional argument: '%s'", function,
                   first_name);
      return false;
    }
    *first = values[0];
  }
  if (values[1] != nullptr) {
    const int truth = PyObject_IsTrue(values[1]);
    if (truth < 0) return false;
    parsed.block = truth != 0;
  }
  parsed.timeout = values[2] == Py_None ? nullptr : values[2];
  return true;
}

}  // namespace shoal::python
