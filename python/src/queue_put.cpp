// Putting one item: put, put_nowait, and the halves of put_async.
#include <Python.h>

#include <memory>

#include "pickler.hpp"
#include "queue.hpp"

namespace shoal::python {
namespace {

PyObject* put_slowly(Payload& payload, os::Deadline deadline) {
  bool done = false;
  {
    const WithoutGil other_threads_run;
    done = payload.put(deadline);
  }
  if (done) Py_RETURN_NONE;
  return raise_full();
}

PyObject* put_object(PyObject* self, PyObject* object, bool block, PyObject* timeout) {
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(block, timeout);
    if (!deadline) return nullptr;
    Payload payload(*core);  // user code may run here, with no shared lock held
    if (!payload.set(object)) return nullptr;
    ring::Ring& ring = core->ring();
    if (payload.bytes() <= kCopyWithGil && !payload.in_loan()) [[likely]] {
      constexpr ring::Patience kAtOnce{.lock = ring::Patience::Lock::kTry,
                                       .room = ring::Patience::Room::kLeaveToConsumers};
      const auto result =
          ring.try_put(payload.parts(), payload.encoding(), kAtOnce, payload.parcel());
      if (result == ring::Put::kDone) [[likely]]
        Py_RETURN_NONE;
    }
    return put_slowly(payload, *deadline);
  } catch (...) {
    return raise_current_exception();
  }
}

}  // namespace

PyObject* queue_put(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  if (count == 1 && names == nullptr) [[likely]]
    return put_object(self, args[0], true, nullptr);
  PyObject* object = nullptr;
  BlockArguments parsed;
  if (!parse_block("put", args, count, names, &object, parsed)) return nullptr;
  return put_object(self, object, parsed.block, parsed.timeout);
}

PyObject* queue_put_nowait(PyObject* self, PyObject* const* args, Py_ssize_t count,
                           PyObject* names) {
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  const bool is_obj =
      named == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "obj") == 0;
  if (count + named != 1 || !is_obj) {
    PyErr_SetString(PyExc_TypeError, "put_nowait() takes one argument: 'obj'");
    return nullptr;
  }
  return put_object(self, args[0], false, nullptr);
}

// _prepare(obj): what is put of it, for _put_prepared.
PyObject* queue_prepare(PyObject* self, PyObject* object) {
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    auto payload = std::make_unique<Payload>(*core);
    if (!payload->set(object)) return nullptr;
    PyObject* capsule = PyCapsule_New(payload.get(), nullptr, [](PyObject* of) {
      delete static_cast<Payload*>(PyCapsule_GetPointer(of, nullptr));
    });
    if (capsule == nullptr) return nullptr;
    [[maybe_unused]] const Payload* its = payload.release();
    return capsule;
  } catch (...) {
    return raise_current_exception();
  }
}

// _put_prepared(prepared): False where the queue is full.
PyObject* queue_put_prepared(PyObject* self, PyObject* prepared) {
  if (open_core_of(self) == nullptr) return nullptr;
  auto* payload = static_cast<Payload*>(PyCapsule_GetPointer(prepared, nullptr));
  if (payload == nullptr) return nullptr;
  try {
    bool done = false;
    {
      const WithoutGil other_threads_run;
      done = payload->put(os::Deadline::now());
    }
    return PyBool_FromLong(done ? 1 : 0);
  } catch (...) {
    return raise_current_exception();
  }
}

// _drop(prepared): what it holds of its object is free again, and its loan where it was not put.
PyObject* queue_drop(PyObject*, PyObject* prepared) {
  auto* payload = static_cast<Payload*>(PyCapsule_GetPointer(prepared, nullptr));
  if (payload == nullptr) return nullptr;
  payload->release();
  Py_RETURN_NONE;
}

// _poll_room(prepared, timeout): whether there is room for that.
PyObject* queue_poll_room(PyObject* self, PyObject* args) {
  PyObject* prepared = nullptr;
  PyObject* timeout = nullptr;
  if (PyArg_ParseTuple(args, "OO", &prepared, &timeout) == 0) return nullptr;
  auto* payload = static_cast<Payload*>(PyCapsule_GetPointer(prepared, nullptr));
  if (payload == nullptr) return nullptr;
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    bool ready = false;
    const std::size_t bytes = payload->bytes();
    const bool handles = payload->parcel() != nullptr;
    {
      const WithoutGil other_threads_run;
      ready = core->ring().wait_for_room(bytes, *deadline);
      if (handles) core->ring().hold().wait_for_room(*deadline);
    }
    return PyBool_FromLong(ready ? 1 : 0);
  } catch (...) {
    return raise_current_exception();
  }
}

}  // namespace shoal::python
