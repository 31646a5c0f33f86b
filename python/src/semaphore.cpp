// shoal._core.Semaphore, bounded or not: a plain C type, as Lock is.
#include <shoal/error.hpp>

#include "handle.hpp"
#include "sync/semaphore_core.hpp"
#include "sync/waiters.hpp"

namespace shoal::python {
namespace {

using sync::SemaphoreCore;

int semaphore_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"value", "bounded", "tracked", "name", nullptr};
  Py_ssize_t value = 1;
  int bounded = 0;
  int tracked = 0;
  const char* name = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, named, "|nppz", const_cast<char**>(keywords), &value,
                                  &bounded, &tracked, &name) == 0) {
    return -1;
  }
  if (value < 0) {
    PyErr_Format(PyExc_ValueError, "a semaphore cannot have %zd permits", value);
    return -1;
  }
  const SemaphoreCore::Options options{
      .value = static_cast<std::uint64_t>(value), .bounded = bounded != 0, .tracked = tracked != 0};
  return initialise<SemaphoreCore>(self, [&] {
    return name == nullptr ? SemaphoreCore::create(options) : SemaphoreCore::create(options, name);
  });
}

PyObject* semaphore_acquire(PyObject* self, PyObject* const* args, Py_ssize_t count,
                            PyObject* names) {
  auto* core = core_of<SemaphoreCore>(self);
  if (core == nullptr) return nullptr;
  BlockArguments parsed;
  if (count != 0 || names != nullptr) {
    if (!parse_block("acquire", args, count, names, nullptr, parsed)) return nullptr;
  }
  try {
    const auto deadline = deadline_from(parsed.block, parsed.timeout);
    if (!deadline) return nullptr;
    if (core->try_acquire_free()) Py_RETURN_TRUE;
    bool taken = false;
    {
      const WithoutGil other_threads_run;
      taken = core->acquire(*deadline);
    }
    return PyBool_FromLong(taken);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* semaphore_enter(PyObject* self, PyObject*) {
  return semaphore_acquire(self, nullptr, 0, nullptr);
}

PyObject* semaphore_release(PyObject* self, PyObject*) {
  auto* core = core_of<SemaphoreCore>(self);
  if (core == nullptr) return nullptr;
  try {
    core->release(1);
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* semaphore_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  return semaphore_release(self, nullptr);
}

PyObject* semaphore_get_value(PyObject* self, PyObject*) {
  const auto* core = core_of<SemaphoreCore>(self);
  return core == nullptr ? nullptr : PyLong_FromUnsignedLongLong(core->value());
}

PyObject* semaphore_locked(PyObject* self, PyObject*) {
  const auto* core = core_of<SemaphoreCore>(self);
  return core == nullptr ? nullptr : PyBool_FromLong(core->value() == 0);
}

PyObject* semaphore_waiters(PyObject* self, PyObject*) {
  const auto* core = core_of<SemaphoreCore>(self);
  return core == nullptr ? nullptr : from_waiters(sync::waiters_of(core->parking()));
}

PyObject* semaphore_bounded(PyObject* self, void*) {
  const auto* core = core_of<SemaphoreCore>(self);
  return core == nullptr ? nullptr : PyBool_FromLong(core->bounded());
}

PyObject* semaphore_most(PyObject* self, void*) {
  const auto* core = core_of<SemaphoreCore>(self);
  return core == nullptr ? nullptr : PyLong_FromUnsignedLongLong(core->most());
}

PyMethodDef methods[] = {
    {"acquire", method(semaphore_acquire), METH_FASTCALL | METH_KEYWORDS,
     "acquire($self, /, block=True, timeout=None)\n--\n\n"
     "Take a permit; False where none could be had in `timeout` seconds (None: no limit), or at "
     "once without `block`."},
    {"release", semaphore_release, METH_NOARGS,
     "release($self, /)\n--\n\nGive a permit back, from any process."},
    {"__enter__", semaphore_enter, METH_NOARGS, nullptr},
    {"__exit__", method(semaphore_exit), METH_FASTCALL, nullptr},
    {"get_value", semaphore_get_value, METH_NOARGS,
     "get_value($self, /)\n--\n\nPermits that are free."},
    {"locked", semaphore_locked, METH_NOARGS,
     "locked($self, /)\n--\n\nTrue where no permit is free."},
    {"waiters", semaphore_waiters, METH_NOARGS,
     "waiters($self, /)\n--\n\nThose who sleep until they have one: process id, thread id, since "
     "when on time.monotonic(); six at most."},
    {"_place", handle_place<SemaphoreCore>, METH_NOARGS, nullptr},
    {"_attach", handle_attach<SemaphoreCore>, METH_VARARGS, nullptr},
    {"_open", handle_open<SemaphoreCore>, METH_O, nullptr},
    {"_unlink", handle_unlink<shm::Kind::kSemaphore>, METH_O | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"name", handle_name<SemaphoreCore>, nullptr, "Name by which others open it, or None.",
     nullptr},
    {"_bounded", semaphore_bounded, nullptr, nullptr, nullptr},
    {"_most", semaphore_most, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* make_semaphore_type(PyObject* module) {
  return make_handle_type<SemaphoreCore>(module, "shoal._core.Semaphore", semaphore_init, methods,
                                         properties);
}

}  // namespace shoal::python
