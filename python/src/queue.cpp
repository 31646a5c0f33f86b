// shoal._core.Queue: a plain C type, as put and get are where the time goes.
#include "queue.hpp"
#include "extent.hpp"

#include <Python.h>

#include <new>
#include <string>
#include <vector>

namespace shoal::python {
namespace {

PyObject* empty_error = nullptr;  // queue.Empty
PyObject* full_error = nullptr;   // queue.Full

// Sets the queue's core, once: calls on the way (pickling runs anybody's code) rely on it to stay.
template <class Make>
bool initialise(PyObject* self, Make make) {
  auto& core = reinterpret_cast<PyQueue*>(self)->core;
  if (core != nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "this queue is already initialised");
    return false;
  }
  try {
    core = make();
    return true;
  } catch (...) {
    raise_current_exception();
    return false;
  }
}

PyObject* queue_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) {
    new (&reinterpret_cast<PyQueue*>(self)->core) std::shared_ptr<channel::QueueCore>;
  }
  return self;
}

int queue_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"maxsize",   "name",      "joinable",
                                   "max_bytes", "redeliver", nullptr};
  Py_ssize_t maxsize = 0;
  const char* name = nullptr;
  int joinable = 0;
  Py_ssize_t max_bytes = 0;
  int redeliver = 0;
  if (PyArg_ParseTupleAndKeywords(args, named, "|nzpnp", const_cast<char**>(keywords), &maxsize,
                                  &name, &joinable, &max_bytes, &redeliver) == 0) {
    return -1;
  }
  const auto limit = [](Py_ssize_t most) {
    return most <= 0 ? 0 : static_cast<std::uint64_t>(most);
  };
  const ring::Options options{
      .max_items = limit(maxsize),
      .joinable = joinable != 0,
      .max_bytes = limit(max_bytes),
      .redeliver = redeliver != 0,
  };
  const bool done = initialise(self, [&] {
    return name == nullptr ? channel::QueueCore::create(options)
                           : channel::QueueCore::create(options, name);
  });
  return done ? 0 : -1;
}

void queue_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<PyQueue*>(self)->core.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

template <class Function>
PyObject* ask(PyObject* self, Function function) {
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  try {
    return function(*core);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_qsize(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    return PyLong_FromUnsignedLongLong(core.ring_in_any_state().items());
  });
}

PyObject* queue_empty(PyObject* self, PyObject*) {
  return ask(self,
             [](auto& core) { return PyBool_FromLong(core.ring_in_any_state().empty() ? 1 : 0); });
}

PyObject* queue_full(PyObject* self, PyObject*) {
  return ask(self,
             [](auto& core) { return PyBool_FromLong(core.ring_in_any_state().full() ? 1 : 0); });
}

PyObject* queue_close(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    core.close();
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_shutdown(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"immediate", nullptr};
  int immediate = 0;
  if (PyArg_ParseTupleAndKeywords(args, named, "|p:shutdown", const_cast<char**>(keywords),
                                  &immediate) == 0) {
    return nullptr;
  }
  return ask(self, [immediate](auto& core) {
    {
      const WithoutGil other_threads_run;
      core.ring_in_any_state().shut(immediate != 0);
    }
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_fileno(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    int descriptor = -1;
    {
      const WithoutGil other_threads_run;
      descriptor = core.ring().signal_descriptor();
    }
    return PyLong_FromLong(descriptor);
  });
}

// _poll(timeout): whether get would not wait.
PyObject* queue_poll(PyObject* self, PyObject* timeout) {
  return ask(self, [timeout](auto& core) -> PyObject* {
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    bool ready = false;
    {
      const WithoutGil other_threads_run;
      ready = core.ring().wait_for_item(*deadline);
    }
    return PyBool_FromLong(ready ? 1 : 0);
  });
}

PyObject* queue_check_joinable(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    core.check_joinable();
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_task_done(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    core.check_joinable();
    {
      const WithoutGil other_threads_run;
      core.ring_in_any_state().end_item();
    }
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_join(PyObject* self, PyObject* timeout) {
  return ask(self, [timeout](auto& core) -> PyObject* {
    core.check_joinable();
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    bool all = false;
    {
      const WithoutGil other_threads_run;
      all = core.ring_in_any_state().join(*deadline);
    }
    return PyBool_FromLong(all ? 1 : 0);
  });
}

PyObject* queue_descriptor(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) { return PyLong_FromLong(core.segment().fd()); });
}

PyObject* queue_descriptors(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) -> PyObject* {
    const std::vector<int> all = core.descriptors();
    Ref numbers(PyTuple_New(static_cast<Py_ssize_t>(all.size())));
    if (!numbers) return nullptr;
    for (std::size_t i = 0; i < all.size(); ++i) {
      PyObject* number = PyLong_FromLong(all[i]);
      if (number == nullptr) return nullptr;
      PyTuple_SET_ITEM(numbers.get(), static_cast<Py_ssize_t>(i), number);
    }
    return numbers.release();
  });
}

PyObject* queue_attach(PyObject* self, PyObject* args) {
  try {
    std::vector<int> descriptors;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
      int fd = -1;
      if (PyArg_Parse(PyTuple_GET_ITEM(args, i), "i", &fd) == 0) return nullptr;
      descriptors.push_back(fd);
    }
    if (!initialise(self, [&] { return channel::QueueCore::attach(descriptors); })) return nullptr;
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_open(PyObject* self, PyObject* name) {
  try {
    const auto text = text_of(name);
    if (!text) return nullptr;
    if (!initialise(self, [&] { return channel::QueueCore::open(*text); })) return nullptr;
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_unlink(PyObject*, PyObject* name) {
  try {
    const auto text = text_of(name);
    if (!text) return nullptr;
    channel::QueueCore::unlink(*text);
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_name(PyObject* self, void*) {
  return ask(self, [](auto& core) {
    const std::string& name = core.segment().name();
    return name.empty() ? Py_NewRef(Py_None) : PyUnicode_FromString(name.c_str());
  });
}

PyObject* queue_maxsize(PyObject* self, void*) {
  return ask(self, [](auto& core) {
    return PyLong_FromUnsignedLongLong(core.ring_in_any_state().max_items());
  });
}

PyObject* queue_max_bytes(PyObject* self, void*) {
  return ask(self, [](auto& core) {
    return PyLong_FromUnsignedLongLong(core.ring_in_any_state().max_bytes());
  });
}

PyObject* queue_redelivers(PyObject* self, void*) {
  return ask(self, [](auto& core) {
    return PyBool_FromLong(core.ring_in_any_state().redelivers() ? 1 : 0);
  });
}

PyObject* queue_closed(PyObject* self, void*) {
  return ask(self, [](auto& core) { return PyBool_FromLong(core.closed() ? 1 : 0); });
}

template <class Function>
PyCFunction method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"put", method(queue_put), METH_FASTCALL | METH_KEYWORDS,
     "put($self, /, obj, block=True, timeout=None)\n--\n\n"
     "Append `obj`. Full where maxsize items, or max_bytes with this one, are in it for `timeout` "
     "seconds (None: no limit), or now without `block`. What pickling raises is raised here, the "
     "queue untouched. ValueError "
     "after close(), ShutDown after shutdown(), MemoryError where there is no room for more shared "
     "memory."},
    {"put_nowait", method(queue_put_nowait), METH_FASTCALL | METH_KEYWORDS,
     "put_nowait($self, /, obj)\n--\n\nput(obj, block=False)"},
    {"get", method(queue_get), METH_FASTCALL | METH_KEYWORDS,
     "get($self, /, block=True, timeout=None, *, copy=True)\n--\n\n"
     "Take the oldest item. Empty where there is none for `timeout` seconds (None: no limit), or "
     "now without `block`. What unpickling raises is raised here, the item taken. ValueError "
     "after close(), ShutDown where none is left after shutdown(). Without `copy`, buffers (NumPy "
     "arrays, bytes as a memoryview) of items of 128 KiB and more, or from a loan, are read where "
     "they stand in shared memory, which is free again when the last object that uses it is gone."},
    {"loan", queue_loan, METH_O,
     "loan($self, size, /)\n--\n\n"
     "Shared memory of so many bytes, in which an item is written before it is put: a writable "
     "buffer. What is put then, the loan itself or an object whose buffers all lie in it, is not "
     "copied, and the memory is no longer the caller's. MemoryError where there is none."},
    {"get_nowait", queue_get_nowait, METH_NOARGS, "get_nowait($self, /)\n--\n\nget(block=False)"},
    {"qsize", queue_qsize, METH_NOARGS,
     "qsize($self, /)\n--\n\nItems in it: exact for every put and get that has returned."},
    {"empty", queue_empty, METH_NOARGS, "empty($self, /)\n--\n\nTrue where there is no item."},
    {"full", queue_full, METH_NOARGS,
     "full($self, /)\n--\n\nTrue where maxsize items or max_bytes are in it."},
    {"put_many", method(queue_put_many), METH_FASTCALL | METH_KEYWORDS,
     "put_many($self, /, objs, block=True, timeout=None)\n--\n\n"
     "Append all of `objs` in their order, for less than one by one; items of other producers may "
     "come in between. Raises what `put` raises; `items_put` of the exception is then the number "
     "of items that were put."},
    {"get_many", method(queue_get_many), METH_FASTCALL | METH_KEYWORDS,
     "get_many($self, /, max, block=True, timeout=None)\n--\n\n"
     "Take what there is, at most `max` items, as a list; waits for the first as `get` does. Where "
     "an item cannot be unpickled, that error is raised, and its `items` is the list of the "
     "others."},
    {"shutdown", method(queue_shutdown), METH_VARARGS | METH_KEYWORDS,
     "shutdown($self, /, immediate=False)\n--\n\n"
     "From now on `put` raises ShutDown, and `get` where nothing is left, in all processes. "
     "`immediate`: what is in it is dropped."},
    {"fileno", queue_fileno, METH_NOARGS,
     "fileno($self, /)\n--\n\n"
     "A descriptor for select, epoll and event loops: readable while `get` would not wait, and "
     "at times an instant longer or before: go on with `get_nowait`. "
     "It belongs to the queue and is not to be read from. Of a queue with a name each process has "
     "its own, an inotify instance: where another took the last item, it is readable until this "
     "one looks. ValueError where a nameless queue was attached by its first descriptor alone, or "
     "the queue is closed; OSError where no descriptor is to be had."},
    {"_get_or", queue_get_or, METH_VARARGS, nullptr},
    {"_get_delivery", method(queue_get_delivery), METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"_prepare", queue_prepare, METH_O, nullptr},
    {"_put_prepared", queue_put_prepared, METH_O, nullptr},
    {"_poll", queue_poll, METH_O, nullptr},
    {"_poll_room", queue_poll_room, METH_VARARGS, nullptr},
    {"_drop", queue_drop, METH_O | METH_STATIC, nullptr},
    {"_check_joinable", queue_check_joinable, METH_NOARGS, nullptr},
    {"_task_done", queue_task_done, METH_NOARGS, nullptr},
    {"_join", queue_join, METH_O, nullptr},
    {"close", queue_close, METH_NOARGS,
     "close($self, /)\n--\n\nThis process uses it no longer; what was put stays for others."},
    {"_descriptor", queue_descriptor, METH_NOARGS, nullptr},
    {"_attach", queue_attach, METH_VARARGS, nullptr},
    {"_descriptors", queue_descriptors, METH_NOARGS, nullptr},
    {"_open", queue_open, METH_O, nullptr},
    {"_unlink", queue_unlink, METH_O | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"name", queue_name, nullptr, "Name by which others open it, or None.", nullptr},
    {"maxsize", queue_maxsize, nullptr, "Most items in it; 0: no limit.", nullptr},
    {"max_bytes", queue_max_bytes, nullptr, "Most bytes of them; 0: no limit of its own.", nullptr},
    {"_closed", queue_closed, nullptr, nullptr, nullptr},
    {"_redelivers", queue_redelivers, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(queue_new)},
    {Py_tp_init, reinterpret_cast<void*>(queue_init)},
    {Py_tp_dealloc, reinterpret_cast<void*>(queue_dealloc)},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, nullptr},
};

PyType_Spec spec = {"shoal._core.Queue", sizeof(PyQueue), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

bool find_queue_errors() {
  const Ref queue(PyImport_ImportModule("queue"));
  if (!queue) return false;
  empty_error = PyObject_GetAttrString(queue.get(), "Empty");
  full_error = PyObject_GetAttrString(queue.get(), "Full");
  return empty_error != nullptr && full_error != nullptr;
}

PyObject* raise_empty() {
  PyErr_SetNone(empty_error);
  return nullptr;
}

PyObject* raise_full() {
  PyErr_SetNone(full_error);
  return nullptr;
}

PyObject* make_queue_type(PyObject* module) {
  if (!find_queue_errors()) return nullptr;
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

}  // namespace shoal::python