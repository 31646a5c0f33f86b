// What the C types of handles have in common: a Python object that owns a share of a core.
#pragma once

#include <Python.h>

#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <shoal/holder.hpp>
#include <string>
#include <utility>

#include "os/fd.hpp"
#include "python.hpp"
#include "shm/segment.hpp"
#include "sync/place.hpp"

namespace shoal::python {

template <class Core>
struct PyHandle {
  PyObject_HEAD std::shared_ptr<Core> core;
};

template <class Core>
std::shared_ptr<Core>& share_of(PyObject* self) noexcept {
  return reinterpret_cast<PyHandle<Core>*>(self)->core;
}

/// nullptr with ValueError set where the object has none: __init__ did not run, or failed.
template <class Core>
Core* core_of(PyObject* self) noexcept {
  Core* core = share_of<Core>(self).get();
  if (core == nullptr) {
    PyErr_Format(PyExc_ValueError, "this %s was never initialised", Py_TYPE(self)->tp_name);
  }
  return core;
}

/// Gives the object what `make` makes; 0, or -1 with an error set. Once only: another call may be
/// in the middle of using what it has.
template <class Core, class Make>
int initialise(PyObject* self, Make make) noexcept {
  if (share_of<Core>(self) != nullptr) {
    PyErr_Format(PyExc_RuntimeError, "this %s is initialised already", Py_TYPE(self)->tp_name);
    return -1;
  }
  try {
    share_of<Core>(self) = make();
    return 0;
  } catch (...) {
    raise_current_exception();
    return -1;
  }
}

template <class Core>
PyObject* handle_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) new (&share_of<Core>(self)) std::shared_ptr<Core>;
  return self;
}

template <class Core>
void handle_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  share_of<Core>(self).~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

// ---- methods

template <class Core>
PyObject* handle_name(PyObject* self, void*) {
  const auto* core = core_of<Core>(self);
  if (core == nullptr) return nullptr;
  if (core->place().in_slab()) Py_RETURN_NONE;
  return PyUnicode_FromString(core->place().name().c_str());
}

/// What a child needs to find the object: (descriptor, borrowed; in a slab; offset).
template <class Core>
PyObject* handle_place(PyObject* self, PyObject*) {
  const auto* core = core_of<Core>(self);
  if (core == nullptr) return nullptr;
  const sync::Place& place = core->place();
  return Py_BuildValue("iOK", place.segment().fd(), place.in_slab() ? Py_True : Py_False,
                       static_cast<unsigned long long>(place.offset()));
}

/// The same, as it arrives; the descriptor is taken over, and closed where nobody gets it.
struct ArrivedPlace {
  os::Fd file;
  bool in_slab = false;
  std::uint64_t offset = 0;
};
/// From (descriptor, in a slab, offset[, rest]); nullopt with an error set. `rest`: nullptr where
/// there is none.
std::optional<ArrivedPlace> arrived(PyObject* args, PyObject** rest = nullptr);

template <class Core>
PyObject* handle_attach(PyObject* self, PyObject* args) {
  auto at = arrived(args);
  if (!at) return nullptr;
  const auto attach = [&] { return Core::attach(std::move(at->file), at->in_slab, at->offset); };
  if (initialise<Core>(self, attach) != 0) return nullptr;
  Py_RETURN_NONE;
}

template <class Core>
PyObject* handle_open(PyObject* self, PyObject* name) {
  const auto text = text_of(name);
  if (!text) return nullptr;
  if (initialise<Core>(self, [&] { return Core::open(*text); }) != 0) return nullptr;
  Py_RETURN_NONE;
}

template <shm::Kind kind>
PyObject* handle_unlink(PyObject*, PyObject* name) {
  const auto text = text_of(name);
  if (!text) return nullptr;
  try {
    shm::Segment::unlink(kind, *text);
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

/// (pid, thread id, seconds on time.monotonic()).
PyObject* from_holder(const Holder& holder);
PyObject* from_waiters(const Waiters& waiters);

template <class Function>
PyCFunction method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

/// A type of handles with these methods and properties. A new reference, or nullptr with an error.
template <class Core>
PyObject* make_handle_type(PyObject* module, const char* name, initproc init, PyMethodDef* methods,
                           PyGetSetDef* properties) {
  PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(handle_new<Core>)},
      {Py_tp_init, reinterpret_cast<void*>(init)},
      {Py_tp_dealloc, reinterpret_cast<void*>(handle_dealloc<Core>)},
      {Py_tp_methods, methods},
      {Py_tp_getset, properties},
      {0, nullptr},
  };
  PyType_Spec spec = {name, sizeof(PyHandle<Core>), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                      slots};
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

}  // namespace shoal::python
