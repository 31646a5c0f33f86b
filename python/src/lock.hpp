// Acquiring and releasing, for the types that are locks or have one.
#pragma once

#include <Python.h>

#include "sync/lock_core.hpp"

namespace shoal::python {

/// acquire(block=True, timeout=None): True or False, or nullptr with an error set.
PyObject* acquire(sync::LockCore& core, PyObject* const* args, Py_ssize_t count, PyObject* names);
/// None, or nullptr with an error set.
PyObject* release(sync::LockCore& core);

/// Tells that a lock came from the dead; false where the warning was turned into an error.
bool warn_if_from_dead(const sync::LockCore& core, sync::Taken taken);

/// The core of a shoal Lock or RLock; nullptr for anything else, and with ValueError set for one
/// that was never initialised.
std::shared_ptr<sync::LockCore> lock_core_of(PyObject* object);
/// Makes a new RLock object one of this core. 0, or -1 with an error set.
int initialise_rlock(PyObject* object, std::shared_ptr<sync::LockCore> core);

}  // namespace shoal::python
