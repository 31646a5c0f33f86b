// shoal._core.Event: a plain C type, as Lock is.
#include "handle.hpp"
#include "sync/event_core.hpp"
#include "sync/waiters.hpp"

namespace shoal::python {
namespace {

using sync::EventCore;

int event_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"name", nullptr};
  const char* name = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, named, "|z", const_cast<char**>(keywords), &name) == 0) {
    return -1;
  }
  return initialise<EventCore>(
      self, [&] { return name == nullptr ? EventCore::create() : EventCore::create(name); });
}

PyObject* event_is_set(PyObject* self, PyObject*) {
  const auto* core = core_of<EventCore>(self);
  return core == nullptr ? nullptr : PyBool_FromLong(core->is_set());
}

PyObject* event_set(PyObject* self, PyObject*) {
  auto* core = core_of<EventCore>(self);
  if (core == nullptr) return nullptr;
  core->set();
  Py_RETURN_NONE;
}

PyObject* event_clear(PyObject* self, PyObject*) {
  auto* core = core_of<EventCore>(self);
  if (core == nullptr) return nullptr;
  core->clear();
  Py_RETURN_NONE;
}

PyObject* event_wait(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"timeout", nullptr};
  PyObject* timeout = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, named, "|O", const_cast<char**>(keywords), &timeout) == 0) {
    return nullptr;
  }
  auto* core = core_of<EventCore>(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    if (core->is_set()) Py_RETURN_TRUE;
    bool was_set = false;
    {
      const WithoutGil other_threads_run;
      was_set = core->wait(*deadline);
    }
    return PyBool_FromLong(was_set);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* event_waiters(PyObject* self, PyObject*) {
  const auto* core = core_of<EventCore>(self);
  return core == nullptr ? nullptr : from_waiters(sync::waiters_of(core->parking()));
}

PyMethodDef methods[] = {
    {"is_set", event_is_set, METH_NOARGS, "is_set($self, /)\n--\n\nTrue while it is set."},
    {"set", event_set, METH_NOARGS, "set($self, /)\n--\n\nSet it, and wake all who wait."},
    {"clear", event_clear, METH_NOARGS, "clear($self, /)\n--\n\nUnset it."},
    {"wait", method(event_wait), METH_VARARGS | METH_KEYWORDS,
     "wait($self, /, timeout=None)\n--\n\nWait until it is set; False where `timeout` seconds "
     "passed first."},
    {"waiters", event_waiters, METH_NOARGS,
     "waiters($self, /)\n--\n\nThose who sleep until it is set: process id, thread id, since when "
     "on time.monotonic(); six at most."},
    {"_place", handle_place<EventCore>, METH_NOARGS, nullptr},
    {"_attach", handle_attach<EventCore>, METH_VARARGS, nullptr},
    {"_open", handle_open<EventCore>, METH_O, nullptr},
    {"_unlink", handle_unlink<shm::Kind::kEvent>, METH_O | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"name", handle_name<EventCore>, nullptr, "Name by which others open it, or None.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* make_event_type(PyObject* module) {
  return make_handle_type<EventCore>(module, "shoal._core.Event", event_init, methods, properties);
}

}  // namespace shoal::python
