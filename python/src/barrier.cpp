// shoal._core.Barrier: a plain C type, as Lock is.
#include "handle.hpp"
#include "sync/barrier_core.hpp"

namespace shoal::python {
namespace {

using sync::BarrierCore;

int barrier_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"parties", "shrinks", "name", nullptr};
  Py_ssize_t parties = 0;
  int shrinks = 0;
  const char* name = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, named, "n|pz", const_cast<char**>(keywords), &parties,
                                  &shrinks, &name) == 0) {
    return -1;
  }
  if (parties <= 0) {
    PyErr_Format(PyExc_ValueError, "a barrier cannot have %zd parties", parties);
    return -1;
  }
  const auto count = static_cast<std::uint64_t>(parties);
  const std::uint32_t options = shrinks != 0 ? sync::kShrinks : 0;
  return initialise<BarrierCore>(self, [&] {
    return name == nullptr ? BarrierCore::create(count, options)
                           : BarrierCore::create(count, options, name);
  });
}

// Runs the action and ends the round; false with an error set.
bool end_round(BarrierCore& core, PyObject* action) {
  const Ref result(action == Py_None ? Py_NewRef(Py_None) : PyObject_CallNoArgs(action));
  const bool done = static_cast<bool>(result);
  try {
    core.finish(done);
    return done;
  } catch (...) {
    if (PyErr_Occurred() == nullptr) raise_current_exception();
    return false;
  }
}

// _wait(timeout, action)
PyObject* barrier_wait(PyObject* self, PyObject* const* args, Py_ssize_t count) {
  auto* core = core_of<BarrierCore>(self);
  if (core == nullptr) return nullptr;
  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "_wait() takes a timeout and an action");
    return nullptr;
  }
  try {
    const auto deadline = deadline_from(true, args[0]);
    if (!deadline) return nullptr;
    BarrierCore::Arrival arrival;
    {
      const WithoutGil other_threads_run;
      arrival = core->arrive(*deadline);
    }
    if (arrival.acts && !end_round(*core, args[1])) return nullptr;
    return PyLong_FromUnsignedLongLong(arrival.index);
  } catch (...) {
    return raise_current_exception();
  }
}

template <void (BarrierCore::*change)()>
PyObject* barrier_change(PyObject* self, PyObject*) {
  auto* core = core_of<BarrierCore>(self);
  if (core == nullptr) return nullptr;
  try {
    {
      const WithoutGil other_threads_run;
      (core->*change)();
    }
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* barrier_parties(PyObject* self, void*) {
  const auto* core = core_of<BarrierCore>(self);
  return core == nullptr ? nullptr : PyLong_FromUnsignedLongLong(core->parties());
}
PyObject* barrier_n_waiting(PyObject* self, void*) {
  const auto* core = core_of<BarrierCore>(self);
  return core == nullptr ? nullptr : PyLong_FromUnsignedLongLong(core->waiting());
}
PyObject* barrier_broken(PyObject* self, void*) {
  const auto* core = core_of<BarrierCore>(self);
  return core == nullptr ? nullptr : PyBool_FromLong(core->broken());
}
PyObject* barrier_waiters(PyObject* self, PyObject*) {
  const auto* core = core_of<BarrierCore>(self);
  return core == nullptr ? nullptr : from_waiters(core->waiters());
}

PyMethodDef methods[] = {
    {"reset", barrier_change<&BarrierCore::reset>, METH_NOARGS,
     "reset($self, /)\n--\n\nMake it as new; those who wait get BrokenBarrierError."},
    {"abort", barrier_change<&BarrierCore::abort>, METH_NOARGS,
     "abort($self, /)\n--\n\nBreak it, until reset()."},
    {"waiters", barrier_waiters, METH_NOARGS,
     "waiters($self, /)\n--\n\nThose who wait: process id, thread id, since when on "
     "time.monotonic()."},
    {"_wait", method(barrier_wait), METH_FASTCALL, nullptr},
    {"_place", handle_place<BarrierCore>, METH_NOARGS, nullptr},
    {"_attach", handle_attach<BarrierCore>, METH_VARARGS, nullptr},
    {"_open", handle_open<BarrierCore>, METH_O, nullptr},
    {"_unlink", handle_unlink<shm::Kind::kBarrier>, METH_O | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"name", handle_name<BarrierCore>, nullptr, "Name by which others open it, or None.", nullptr},
    {"parties", barrier_parties, nullptr, "How many have to come.", nullptr},
    {"n_waiting", barrier_n_waiting, nullptr, "How many have come.", nullptr},
    {"broken", barrier_broken, nullptr, "True while it is broken.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* make_barrier_type(PyObject* module) {
  return make_handle_type<BarrierCore>(module, "shoal._core.Barrier", barrier_init, methods,
                                       properties);
}

}  // namespace shoal::python
