// shoal._core.Condition: a plain C type, as Lock is.
#include <limits>
#include <memory>
#include <utility>

#include "handle.hpp"
#include "lock.hpp"
#include "sync/condition_core.hpp"

namespace shoal::python {
namespace {

using sync::ConditionCore;

// An error is set: kept while the lock is taken again, which may run signal handlers.
class KeptError {
 public:
  KeptError() noexcept { PyErr_Fetch(&type_, &value_, &traceback_); }
  KeptError(const KeptError&) = delete;
  KeptError& operator=(const KeptError&) = delete;
  ~KeptError() {
    if (PyErr_Occurred() == nullptr) {
      PyErr_Restore(type_, value_, traceback_);
      return;
    }
    Py_XDECREF(type_);
    Py_XDECREF(value_);
    Py_XDECREF(traceback_);
  }

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

// Stays nullptr for None: the condition then has a lock of its own. False with an error set.
bool lock_argument(PyObject* lock, std::shared_ptr<sync::LockCore>& core) {
  if (lock == Py_None) return true;
  core = lock_core_of(lock);
  if (core == nullptr) {
    if (PyErr_Occurred() != nullptr) return false;  // a lock, but one that was never initialised
    PyErr_Format(PyExc_TypeError, "Condition() needs a shoal Lock or RLock, not %s",
                 Py_TYPE(lock)->tp_name);
  }
  return core != nullptr;
}

int condition_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"lock", "name", nullptr};
  PyObject* lock = Py_None;
  const char* name = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, named, "|Oz", const_cast<char**>(keywords), &lock, &name) ==
      0) {
    return -1;
  }
  std::shared_ptr<sync::LockCore> core;
  if (!lock_argument(lock, core)) return -1;
  if (core != nullptr && name != nullptr) {
    PyErr_SetString(PyExc_ValueError, "a condition with a name has a lock of its own");
    return -1;
  }
  return initialise<ConditionCore>(self, [&] {
    return name == nullptr ? ConditionCore::create(std::move(core)) : ConditionCore::create(name);
  });
}

PyObject* condition_acquire(PyObject* self, PyObject* const* args, Py_ssize_t count,
                            PyObject* names) {
  auto* core = core_of<ConditionCore>(self);
  return core == nullptr ? nullptr : acquire(*core->lock(), args, count, names);
}
PyObject* condition_enter(PyObject* self, PyObject*) {
  return condition_acquire(self, nullptr, 0, nullptr);
}
PyObject* condition_release(PyObject* self, PyObject*) {
  auto* core = core_of<ConditionCore>(self);
  return core == nullptr ? nullptr : release(*core->lock());
}
// A wait that raised OwnerDiedError came back without the lock, which stays with the dead.
PyObject* condition_exit(PyObject* self, PyObject* const*, Py_ssize_t) {
  auto* core = core_of<ConditionCore>(self);
  if (core == nullptr) return nullptr;
  try {
    const sync::LockCore& lock = *core->lock();
    if ((lock.options() & sync::kRaiseOnOwnerDeath) != 0 && !lock.is_mine()) Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
  return release(*core->lock());
}

bool take_lock_again(ConditionCore& core, const ConditionCore::Stay& stay) {
  try {
    sync::Taken taken;
    {
      const WithoutGil other_threads_run;
      taken = core.reacquire(stay);
    }
    return warn_if_from_dead(*core.lock(), taken);
  } catch (...) {
    raise_current_exception();
    return false;
  }
}

PyObject* wait_until(ConditionCore& core, os::Deadline deadline) {
  const ConditionCore::Stay stay = core.begin();
  bool notified = false;
  try {
    {
      const WithoutGil other_threads_run;
      core.sleep(stay, deadline);
    }
    notified = core.leave(stay);
  } catch (...) {
    core.leave_interrupted(stay);
    raise_current_exception();
    const KeptError first;
    take_lock_again(core, stay);
    return nullptr;
  }
  return take_lock_again(core, stay) ? PyBool_FromLong(notified) : nullptr;
}

PyObject* condition_wait(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"timeout", nullptr};
  PyObject* timeout = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, named, "|O", const_cast<char**>(keywords), &timeout) == 0) {
    return nullptr;
  }
  auto* core = core_of<ConditionCore>(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    return wait_until(*core, *deadline);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* notify(PyObject* self, std::size_t count) {
  auto* core = core_of<ConditionCore>(self);
  if (core == nullptr) return nullptr;
  try {
    core->notify(count);
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* condition_notify(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"n", nullptr};
  Py_ssize_t count = 1;
  if (PyArg_ParseTupleAndKeywords(args, named, "|n", const_cast<char**>(keywords), &count) == 0) {
    return nullptr;
  }
  return notify(self, count > 0 ? static_cast<std::size_t>(count) : 0);
}

PyObject* condition_notify_all(PyObject* self, PyObject*) {
  return notify(self, std::numeric_limits<std::size_t>::max());
}

// (that wait, that were called and have not left yet)
PyObject* condition_counts(PyObject* self, PyObject*) {
  const auto* core = core_of<ConditionCore>(self);
  if (core == nullptr) return nullptr;
  return Py_BuildValue("nn", static_cast<Py_ssize_t>(core->waiting()),
                       static_cast<Py_ssize_t>(core->called()));
}

PyObject* condition_waiters(PyObject* self, PyObject*) {
  const auto* core = core_of<ConditionCore>(self);
  return core == nullptr ? nullptr : from_waiters(core->waiters());
}

// Gives a new RLock object the lock that the condition made for itself.
PyObject* condition_lend_lock(PyObject* self, PyObject* lock) {
  const auto* core = core_of<ConditionCore>(self);
  if (core == nullptr || initialise_rlock(lock, core->lock()) != 0) return nullptr;
  Py_RETURN_NONE;
}

PyObject* condition_own_lock(PyObject* self, void*) {
  const auto* core = core_of<ConditionCore>(self);
  return core == nullptr ? nullptr : PyBool_FromLong(core->own_lock());
}

PyObject* condition_attach(PyObject* self, PyObject* args) {
  PyObject* lock = Py_None;
  auto at = arrived(args, &lock);
  std::shared_ptr<sync::LockCore> core;
  if (!at || !lock_argument(lock, core)) return nullptr;
  const auto attach = [&] {
    return ConditionCore::attach(std::move(at->file), at->in_slab, at->offset, std::move(core));
  };
  if (initialise<ConditionCore>(self, attach) != 0) return nullptr;
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"acquire", method(condition_acquire), METH_FASTCALL | METH_KEYWORDS,
     "acquire($self, /, block=True, timeout=None)\n--\n\nTake the condition's lock."},
    {"release", condition_release, METH_NOARGS,
     "release($self, /)\n--\n\nGive the condition's lock up."},
    {"__enter__", condition_enter, METH_NOARGS, nullptr},
    {"__exit__", method(condition_exit), METH_FASTCALL, nullptr},
    {"wait", method(condition_wait), METH_VARARGS | METH_KEYWORDS,
     "wait($self, /, timeout=None)\n--\n\nGive the lock up, wait to be notified, and take it "
     "again; False where `timeout` seconds passed first."},
    {"notify", method(condition_notify), METH_VARARGS | METH_KEYWORDS,
     "notify($self, /, n=1)\n--\n\nWake `n` of those who wait, or as many as there are."},
    {"notify_all", condition_notify_all, METH_NOARGS,
     "notify_all($self, /)\n--\n\nWake all who wait."},
    {"waiters", condition_waiters, METH_NOARGS,
     "waiters($self, /)\n--\n\nThose who wait: process id, thread id, since when on "
     "time.monotonic()."},
    {"_counts", condition_counts, METH_NOARGS, nullptr},
    {"_lend_lock", condition_lend_lock, METH_O, nullptr},
    {"_place", handle_place<ConditionCore>, METH_NOARGS, nullptr},
    {"_attach", condition_attach, METH_VARARGS, nullptr},
    {"_open", handle_open<ConditionCore>, METH_O, nullptr},
    {"_unlink", handle_unlink<shm::Kind::kCondition>, METH_O | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"name", handle_name<ConditionCore>, nullptr, "Name by which others open it, or None.",
     nullptr},
    {"_own_lock", condition_own_lock, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

PyObject* make_condition_type(PyObject* module) {
  return make_handle_type<ConditionCore>(module, "shoal._core.Condition", condition_init, methods,
                                         properties);
}

}  // namespace shoal::python
