// shoal._core: what the Python package takes from the core.
#include <nanobind/nanobind.h>

#include "extent.hpp"
#include "python.hpp"
#include "unpickler.hpp"

namespace nb = nanobind;

namespace {

void add_type(nb::module_& module, const char* name, PyObject* type) {
  if (type == nullptr) nb::raise_python_error();
  module.attr(name) = nb::steal(type);
}

}  // namespace

NB_MODULE(_core, module) {
  using namespace shoal::python;
  module.doc() = "The core of shoal; import shoal instead.";
  if (!add_exceptions(module.ptr()) || !find_unpickler()) nb::raise_python_error();
  install_interrupt_check();
  static PyMethodDef functions[] = {{"_unship", unship, METH_O, nullptr},
                                    {nullptr, nullptr, 0, nullptr}};
  if (PyModule_AddFunctions(module.ptr(), functions) != 0) nb::raise_python_error();
  add_type(module, "Barrier", make_barrier_type(module.ptr()));
  add_type(module, "Condition", make_condition_type(module.ptr()));
  add_type(module, "Event", make_event_type(module.ptr()));
  add_type(module, "Loan", make_loan_type(module.ptr()));
  add_type(module, "Lock", make_lock_type(module.ptr()));
  add_type(module, "Queue", make_queue_type(module.ptr()));
  add_type(module, "RLock", make_rlock_type(module.ptr()));
  add_type(module, "Semaphore", make_semaphore_type(module.ptr()));
  add_type(module, "View", make_view_type(module.ptr()));
}
