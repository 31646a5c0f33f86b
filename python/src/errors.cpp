// The one table that maps the core's exceptions to Python's.
#include <cerrno>
#include <new>
#include <shoal/error.hpp>
#include <stdexcept>
#include <system_error>

#include "python.hpp"

namespace shoal::python {
namespace {

PyObject* segment_error = nullptr;
PyObject* owner_died = nullptr;
PyObject* owner_died_error = nullptr;
PyObject* shut_down = nullptr;
PyObject* consumer_died_error = nullptr;

// An OSError with errno, so that `except OSError as e: e.errno` works as for any other.
void raise_os_error(PyObject* type, int number, const char* what) {
  const Ref error(PyObject_CallFunction(type, "is", number, what));
  if (error) PyErr_SetObject(type, error.get());
}

PyObject* attribute_of(const char* module_name, const char* name) {
  const Ref module(PyImport_ImportModule(module_name));
  return module ? PyObject_GetAttrString(module.get(), name) : nullptr;
}

void raise_consumer_died(const ConsumerDied& died) {
  const Ref error(PyObject_CallFunction(consumer_died_error, "s", died.what()));
  const Ref pid(PyLong_FromLong(died.pid()));
  const Ref items(PyLong_FromSize_t(died.items()));
  if (!error || !pid || !items) return;
  if (PyObject_SetAttrString(error.get(), "pid", pid.get()) != 0) return;
  if (PyObject_SetAttrString(error.get(), "items", items.get()) != 0) return;
  PyErr_SetObject(consumer_died_error, error.get());
}

// The standard library's own, where it has one: from Python 3.13 on.
PyObject* make_shut_down() {
  const Ref queue(PyImport_ImportModule("queue"));
  if (!queue) return nullptr;
  PyObject* standard = PyObject_GetAttrString(queue.get(), "ShutDown");
  if (standard != nullptr) return standard;
  PyErr_Clear();
  return PyErr_NewExceptionWithDoc(
      "shoal.ShutDown",
      "A queue was shut down: nothing can be put any more, or nothing is left to get.", nullptr,
      nullptr);
}

}  // namespace

PyObject* raise_current_exception() noexcept {
  try {
    throw;
  } catch (const Interrupted&) {
    if (PyErr_Occurred() == nullptr) PyErr_SetNone(PyExc_KeyboardInterrupt);
  } catch (const NameTaken& error) {
    raise_os_error(PyExc_FileExistsError, EEXIST, error.what());
  } catch (const NameMissing& error) {
    raise_os_error(PyExc_FileNotFoundError, ENOENT, error.what());
  } catch (const WrongOwner& error) {
    raise_os_error(PyExc_PermissionError, EACCES, error.what());
  } catch (const WrongKind& error) {
    PyErr_SetString(PyExc_TypeError, error.what());
  } catch (const NameError& error) {  // WrongVersion, WrongNamespace, Damaged
    raise_os_error(segment_error, EINVAL, error.what());
  } catch (const ClosedError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const NotHeldError& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const NotOwnerError& error) {
    PyErr_SetString(PyExc_AssertionError, error.what());
  } catch (const OwnerDied& error) {
    PyErr_SetString(owner_died_error, error.what());
  } catch (const ShutDown& error) {
    PyErr_SetString(shut_down, error.what());
  } catch (const ConsumerDied& error) {
    raise_consumer_died(error);
  } catch (const BrokenBarrier& error) {
    const Ref type(attribute_of("threading", "BrokenBarrierError"));
    if (type) PyErr_SetString(type.get(), error.what());
  } catch (const PickleError& error) {
    const Ref type(attribute_of("pickle", "UnpicklingError"));
    if (type) PyErr_SetString(type.get(), error.what());
  } catch (const Error& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  } catch (const std::bad_alloc& error) {
    PyErr_SetString(PyExc_MemoryError, error.what());
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::system_error& error) {
    raise_os_error(PyExc_OSError, error.code().value(), error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

PyObject* taken_error() noexcept {
  PyObject* type = nullptr;
  PyObject* error = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &error, &traceback);
  PyErr_NormalizeException(&type, &error, &traceback);
  if (error != nullptr && traceback != nullptr) PyException_SetTraceback(error, traceback);
  Py_XDECREF(type);
  Py_XDECREF(traceback);
  return error;
}

bool add_exceptions(PyObject* module) {
  segment_error = PyErr_NewExceptionWithDoc(
      "shoal.SegmentError",
      "What stands behind a name cannot be used: made by another layout version or in another pid "
      "or time namespace, cut short, damaged, or not shoal's.",
      PyExc_OSError, nullptr);
  owner_died = PyErr_NewExceptionWithDoc(
      "shoal.OwnerDiedWarning",
      "A lock was acquired from a process that died holding it: what it guards may be half "
      "changed.",
      PyExc_RuntimeWarning, nullptr);
  owner_died_error =
      PyErr_NewExceptionWithDoc("shoal.OwnerDiedError",
                                "A lock that was made with on_owner_death='raise' is held by a "
                                "process that died. The lock is "
                                "untouched: who has put in order what it guards calls release().",
                                PyExc_RuntimeError, nullptr);
  shut_down = make_shut_down();
  consumer_died_error = PyErr_NewExceptionWithDoc(
      "shoal.ConsumerDiedError",
      "Raised by JoinableQueue.join: a process died with items that it had taken and not reported "
      "done. `pid` is that process, or one of them; `items` how many items in all.",
      PyExc_RuntimeError, nullptr);
  if (shut_down == nullptr || consumer_died_error == nullptr ||
      PyModule_AddObjectRef(module, "ShutDown", shut_down) != 0 ||
      PyModule_AddObjectRef(module, "ConsumerDiedError", consumer_died_error) != 0) {
    return false;
  }
  return segment_error != nullptr && owner_died != nullptr && owner_died_error != nullptr &&
         PyModule_AddObjectRef(module, "SegmentError", segment_error) == 0 &&
         PyModule_AddObjectRef(module, "OwnerDiedWarning", owner_died) == 0 &&
         PyModule_AddObjectRef(module, "OwnerDiedError", owner_died_error) == 0;
}

PyObject* owner_died_warning() noexcept { return owner_died; }

}  // namespace shoal::python
