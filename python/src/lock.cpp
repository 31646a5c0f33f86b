// shoal._core.Lock and RLock: plain C types, as a call through a binding library costs more than
// the lock.
#include "lock.hpp"

#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <utility>

#include "handle.hpp"
#include "sync/waiters.hpp"

namespace shoal::python {

using sync::LockCore;
using Type = LockCore::Type;

// The lock stays the caller's; a warning that is turned into an error gives it back.
bool warn_if_from_dead(const LockCore& core, sync::Taken taken) {
  return taken != sync::Taken::kFromDead ||
         PyErr_WarnFormat(owner_died_warning(), 1,
                          "%s was acquired from a process that died holding it: what it guards may "
                          "be half changed",
                          core.label().c_str()) == 0;
}

namespace {

PyTypeObject* lock_type = nullptr;
PyTypeObject* rlock_type = nullptr;

PyObject* acquire_slowly(LockCore& core, os::Deadline deadline) {
  sync::Taken taken;
  {
    const WithoutGil other_threads_run;
    taken = core.acquire(deadline);
  }
  if (taken == sync::Taken::kNo) Py_RETURN_FALSE;
  if (warn_if_from_dead(core, taken)) Py_RETURN_TRUE;
  core.release();
  return nullptr;
}

}  // namespace

PyObject* acquire(LockCore& core, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  BlockArguments parsed;
  if (count != 0 || names != nullptr) {
    if (!parse_block("acquire", args, count, names, nullptr, parsed)) return nullptr;
  }
  try {
    const auto deadline = deadline_from(parsed.block, parsed.timeout);
    if (!deadline) return nullptr;
    if (core.try_acquire_free()) Py_RETURN_TRUE;
    return acquire_slowly(core, *deadline);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* release(LockCore& core) {
  try {
    core.release();
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

std::shared_ptr<LockCore> lock_core_of(PyObject* object) {
  const bool is_lock =
      PyObject_TypeCheck(object, lock_type) || PyObject_TypeCheck(object, rlock_type);
  if (!is_lock || core_of<LockCore>(object) == nullptr) return nullptr;
  return share_of<LockCore>(object);
}

int initialise_rlock(PyObject* object, std::shared_ptr<LockCore> core) {
  if (!PyObject_TypeCheck(object, rlock_type)) {
    PyErr_Format(PyExc_TypeError, "expected an RLock, not %s", Py_TYPE(object)->tp_name);
    return -1;
  }
  return initialise<LockCore>(object, [&] { return std::move(core); });
}

namespace {

template <Type type>
int lock_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"name", "raises", nullptr};
  const char* name = nullptr;
  int raises = 0;
  if (PyArg_ParseTupleAndKeywords(args, named, "|zp", const_cast<char**>(keywords), &name,
                                  &raises) == 0) {
    return -1;
  }
  const std::uint32_t options = raises != 0 ? sync::kRaiseOnOwnerDeath : 0;
  return initialise<LockCore>(self, [&] {
    return name == nullptr ? LockCore::create(type, options)
                           : LockCore::create(type, name, options);
  });
}

PyObject* lock_acquire(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  auto* core = core_of<LockCore>(self);
  return core == nullptr ? nullptr : acquire(*core, args, count, names);
}
PyObject* lock_enter(PyObject* self, PyObject*) { return lock_acquire(self, nullptr, 0, nullptr); }
PyObject* lock_release(PyObject* self, PyObject*) {
  auto* core = core_of<LockCore>(self);
  return core == nullptr ? nullptr : release(*core);
}
PyObject* lock_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  return lock_release(self, nullptr);
}

PyObject* lock_locked(PyObject* self, PyObject*) {
  auto* core = core_of<LockCore>(self);
  return core == nullptr ? nullptr : PyBool_FromLong(core->owner() != 0);
}

PyObject* lock_owner(PyObject* self, PyObject*) {
  auto* core = core_of<LockCore>(self);
  if (core == nullptr) return nullptr;
  const shm::Noted noted = core->holder();
  if (noted.process == 0) Py_RETURN_NONE;
  return PyLong_FromLong(os::pid_of(noted.process));
}

PyObject* lock_holder(PyObject* self, PyObject*) {
  auto* core = core_of<LockCore>(self);
  if (core == nullptr) return nullptr;
  const shm::Noted noted = core->holder();
  if (noted.process == 0) Py_RETURN_NONE;
  return from_holder(sync::to_holder(noted));
}

PyObject* lock_waiters(PyObject* self, PyObject*) {
  auto* core = core_of<LockCore>(self);
  return core == nullptr ? nullptr : from_waiters(sync::waiters_of(core->parking()));
}

PyObject* lock_count(PyObject* self, PyObject*) {
  auto* core = core_of<LockCore>(self);
  if (core == nullptr) return nullptr;
  try {
    return PyLong_FromUnsignedLong(core->depth());
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* lock_is_mine(PyObject* self, PyObject*) {
  auto* core = core_of<LockCore>(self);
  if (core == nullptr) return nullptr;
  try {
    return PyBool_FromLong(core->is_mine());
  } catch (...) {
    return raise_current_exception();
  }
}

template <Type type>
PyObject* lock_attach(PyObject* self, PyObject* args) {
  auto at = arrived(args);
  if (!at) return nullptr;
  const auto attach = [&] {
    return LockCore::attach(type, std::move(at->file), at->in_slab, at->offset);
  };
  if (initialise<LockCore>(self, attach) != 0) return nullptr;
  Py_RETURN_NONE;
}

template <Type type>
PyObject* lock_open(PyObject* self, PyObject* name) {
  const auto text = text_of(name);
  if (!text) return nullptr;
  if (initialise<LockCore>(self, [&] { return LockCore::open(type, *text); }) != 0) return nullptr;
  Py_RETURN_NONE;
}

template <Type type>
PyMethodDef* methods() {
  static constexpr auto kKind = type == Type::kLock ? shm::Kind::kLock : shm::Kind::kRLock;
  static PyMethodDef all[] = {
      {"acquire", method(lock_acquire), METH_FASTCALL | METH_KEYWORDS,
       "acquire($self, /, block=True, timeout=None)\n--\n\n"
       "Take the lock; False where it could not be had in `timeout` seconds (None: no limit), or "
       "at "
       "once without `block`. OwnerDiedWarning where its holder died."},
      {"release", lock_release, METH_NOARGS, "release($self, /)\n--\n\nGive it up."},
      {"__enter__", lock_enter, METH_NOARGS, nullptr},
      {"__exit__", method(lock_exit), METH_FASTCALL, nullptr},
      {"locked", lock_locked, METH_NOARGS, "locked($self, /)\n--\n\nTrue while somebody holds it."},
      {"owner", lock_owner, METH_NOARGS,
       "owner($self, /)\n--\n\nProcess id of the holder, or None."},
      {"holder", lock_holder, METH_NOARGS,
       "holder($self, /)\n--\n\nProcess id and thread id of the holder, and since when on "
       "time.monotonic(); or None."},
      {"waiters", lock_waiters, METH_NOARGS,
       "waiters($self, /)\n--\n\nThose who sleep until they have it, as holder() describes them; "
       "six at most."},
      {"_count", lock_count, METH_NOARGS, nullptr},
      {"_is_mine", lock_is_mine, METH_NOARGS, nullptr},
      {"_place", handle_place<LockCore>, METH_NOARGS, nullptr},
      {"_attach", lock_attach<type>, METH_VARARGS, nullptr},
      {"_open", lock_open<type>, METH_O, nullptr},
      {"_unlink", handle_unlink<kKind>, METH_O | METH_STATIC, nullptr},
      {nullptr, nullptr, 0, nullptr},
  };
  return all;
}

PyGetSetDef properties[] = {
    {"name", handle_name<LockCore>, nullptr, "Name by which others open it, or None.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* make_lock_type(PyObject* module) {
  PyObject* type = make_handle_type<LockCore>(module, "shoal._core.Lock", lock_init<Type::kLock>,
                                              methods<Type::kLock>(), properties);
  lock_type = reinterpret_cast<PyTypeObject*>(type);
  return type;
}

PyObject* make_rlock_type(PyObject* module) {
  PyObject* type = make_handle_type<LockCore>(module, "shoal._core.RLock", lock_init<Type::kRLock>,
                                              methods<Type::kRLock>(), properties);
  rlock_type = reinterpret_cast<PyTypeObject*>(type);
  return type;
}

}  // namespace shoal::python
