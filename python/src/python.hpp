// What all bindings share: calling the core without the interpreter's lock, and its exceptions as
// Python's.
#pragma once

#include <Python.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "os/clock.hpp"

namespace shoal::python {

/// Owns a reference.
class Ref {
 public:
  Ref() noexcept = default;
  explicit Ref(PyObject* object) noexcept : object_(object) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  Ref(const Ref&) = delete;
  Ref& operator=(const Ref&) = delete;
  ~Ref() { Py_XDECREF(object_); }
  [[nodiscard]] PyObject* get() const noexcept { return object_; }
  PyObject* release() noexcept { return std::exchange(object_, nullptr); }
  explicit operator bool() const noexcept { return object_ != nullptr; }

 private:
  PyObject* object_ = nullptr;
};

/// While it lives, other threads of the interpreter run. Only around waits and large copies.
class WithoutGil {
 public:
  WithoutGil() noexcept : state_(PyEval_SaveThread()) {}
  // SUBTLE: when the interpreter is at its end, CPython up to 3.13 ends a daemon thread in here by
  // pthread_exit, which unwinds the stack. Our frames own references that may no longer be given
  // back, so the thread stays here until the process is gone, as CPython 3.14 does it.
  ~WithoutGil() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) ::pause();
    }
  }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

/// Makes Python's error of the C++ exception being handled, by the one table of errors.cpp, and
/// returns nullptr. An error that is already set (by a signal handler in a wait) stays.
PyObject* raise_current_exception() noexcept;

/// The error that is set, normalised and with its traceback, which is then set no longer.
PyObject* taken_error() noexcept;

/// Makes the exceptions that are shoal's own, in a new module. False with an error set.
bool add_exceptions(PyObject* module);

/// shoal.OwnerDiedWarning, borrowed.
PyObject* owner_died_warning() noexcept;

/// Lets signal handlers of Python run in the waits of the core.
void install_interrupt_check() noexcept;

/// The bytes of a string, whatever is in it: the core refuses names that will not do. nullopt with
/// TypeError set.
inline std::optional<std::string> text_of(PyObject* object) {
  Py_ssize_t size = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object, &size);
  if (text == nullptr) return std::nullopt;
  return std::string(text, static_cast<std::size_t>(size));
}

/// Deadline of a call with `block` and `timeout` (None: no limit; seconds; negative is zero).
/// Throws std::invalid_argument for NaN. nullopt with a Python error set: not a number.
std::optional<os::Deadline> deadline_from(bool block, PyObject* timeout);

/// Arguments `(block=True, timeout=None)` after `skip` others, positional or by keyword; false
/// with TypeError set. Borrowed references.
struct BlockArguments {
  bool block = true;
  PyObject* timeout = nullptr;  // nullptr: None
};
bool parse_block(const char* function, PyObject* const* args, Py_ssize_t count, PyObject* names,
                 PyObject** first, BlockArguments& parsed, const char* first_name = "obj");

/// The types written by hand. Each returns a new reference, or nullptr with an error set.
PyObject* make_barrier_type(PyObject* module);
PyObject* make_condition_type(PyObject* module);
PyObject* make_event_type(PyObject* module);
PyObject* make_lock_type(PyObject* module);
PyObject* make_queue_type(PyObject* module);
PyObject* make_rlock_type(PyObject* module);
PyObject* make_semaphore_type(PyObject* module);

}  // namespace shoal::python
