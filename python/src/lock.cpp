// shoal._core.Lock: a plain C type, as a call through a binding library costs more than the lock.
#include <Python.h>

#include <memory>
#include <new>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>

#include "python.hpp"
#include "shm/segment.hpp"
#include "sync/lock_core.hpp"

namespace shoal::python {
namespace {

struct PyLock {
  PyObject_HEAD std::shared_ptr<sync::LockCore> core;
};

sync::LockCore* core_of(PyObject* self) {
  auto* core = reinterpret_cast<PyLock*>(self)->core.get();
  if (core == nullptr) PyErr_SetString(PyExc_ValueError, "this lock was never initialised");
  return core;
}

PyObject* lock_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) new (&reinterpret_cast<PyLock*>(self)->core) std::shared_ptr<sync::LockCore>;
  return self;
}

int lock_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"name", nullptr};
  const char* name = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, named, "|z", const_cast<char**>(keywords), &name) == 0) {
    return -1;
  }
  try {
    reinterpret_cast<PyLock*>(self)->core =
        name == nullptr ? sync::LockCore::create() : sync::LockCore::create(name);
    return 0;
  } catch (...) {
    raise_current_exception();
    return -1;
  }
}

void lock_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<PyLock*>(self)->core.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

// The lock is the caller's; a warning that is turned into an error gives it back.
PyObject* acquired(sync::LockCore& core, sync::Taken taken) {
  if (taken == sync::Taken::kNo) Py_RETURN_FALSE;
  if (taken == sync::Taken::kFromDead &&
      PyErr_WarnFormat(owner_died_warning(), 1,
                       "%s was acquired from a process that died holding it: what it guards may "
                       "be half changed",
                       core.label().c_str()) < 0) {
    core.release();
    return nullptr;
  }
  Py_RETURN_TRUE;
}

PyObject* acquire_slowly(sync::LockCore& core, os::Deadline deadline) {
  sync::Taken taken;
  {
    const WithoutGil other_threads_run;
    taken = core.acquire(deadline);
  }
  return acquired(core, taken);
}

PyObject* lock_acquire(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  BlockArguments parsed;
  if (count != 0 || names != nullptr) {
    if (!parse_block("acquire", args, count, names, nullptr, parsed)) return nullptr;
  }
  try {
    const auto deadline = deadline_from(parsed.block, parsed.timeout);
    if (!deadline) return nullptr;
    if (core->try_acquire_free()) Py_RETURN_TRUE;
    return acquire_slowly(*core, *deadline);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* lock_enter(PyObject* self, PyObject*) { return lock_acquire(self, nullptr, 0, nullptr); }

PyObject* lock_release(PyObject* self, PyObject*) {
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  try {
    core->release();
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* lock_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  return lock_release(self, nullptr);
}

PyObject* lock_locked(PyObject* self, PyObject*) {
  auto* core = core_of(self);
  return core == nullptr ? nullptr : PyBool_FromLong(core->owner() != 0);
}

PyObject* lock_owner(PyObject* self, PyObject*) {
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  const os::TaskWord owner = core->owner();
  if (owner == 0) Py_RETURN_NONE;
  return PyLong_FromLong(os::pid_of(owner));
}

PyObject* lock_name(PyObject* self, void*) {
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  if (core->in_slab()) Py_RETURN_NONE;
  return PyUnicode_FromString(core->segment().name().c_str());
}

// What a child needs to find the lock: (descriptor, borrowed; in a slab; index).
PyObject* lock_place(PyObject* self, PyObject*) {
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  return Py_BuildValue("iOn", core->segment().fd(), core->in_slab() ? Py_True : Py_False,
                       static_cast<Py_ssize_t>(core->index()));
}

PyObject* lock_attach(PyObject* self, PyObject* args) {
  int fd = -1;
  int in_slab = 0;
  Py_ssize_t index = 0;
  if (PyArg_ParseTuple(args, "ipn", &fd, &in_slab, &index) == 0) return nullptr;
  try {
    reinterpret_cast<PyLock*>(self)->core =
        sync::LockCore::attach(os::Fd(fd), in_slab != 0, static_cast<std::size_t>(index));
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* lock_open(PyObject* self, PyObject* name) {
  try {
    const auto text = text_of(name);
    if (!text) return nullptr;
    reinterpret_cast<PyLock*>(self)->core = sync::LockCore::open(*text);
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* lock_unlink(PyObject*, PyObject* name) {
  try {
    const auto text = text_of(name);
    if (!text) return nullptr;
    Lock::unlink(*text);
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

template <class Function>
PyCFunction method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"acquire", method(lock_acquire), METH_FASTCALL | METH_KEYWORDS,
     "acquire($self, /, block=True, timeout=None)\n--\n\n"
     "Take the lock; False where it could not be had in `timeout` seconds (None: no limit), or at "
     "once without `block`. OwnerDiedWarning where its holder died."},
    {"release", lock_release, METH_NOARGS,
     "release($self, /)\n--\n\nGive it up, from any process. ValueError where nobody holds it."},
    {"__enter__", lock_enter, METH_NOARGS, nullptr},
    {"__exit__", method(lock_exit), METH_FASTCALL, nullptr},
    {"locked", lock_locked, METH_NOARGS, "locked($self, /)\n--\n\nTrue while somebody holds it."},
    {"owner", lock_owner, METH_NOARGS, "owner($self, /)\n--\n\nProcess id of the holder, or None."},
    {"_place", lock_place, METH_NOARGS, nullptr},
    {"_attach", lock_attach, METH_VARARGS, nullptr},
    {"_open", lock_open, METH_O, nullptr},
    {"_unlink", lock_unlink, METH_O | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"name", lock_name, nullptr, "Name by which others open it, or None.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(lock_new)},
    {Py_tp_init, reinterpret_cast<void*>(lock_init)},
    {Py_tp_dealloc, reinterpret_cast<void*>(lock_dealloc)},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, nullptr},
};

PyType_Spec spec = {"shoal._core.Lock", sizeof(PyLock), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
                    slots};

}  // namespace

PyObject* make_lock_type(PyObject* module) {
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

}  // namespace shoal::python
