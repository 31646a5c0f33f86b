// From records to Python objects: the commonest types at once, the rest by Python's unpickler.
#pragma once

#include <Python.h>

#include <cstddef>
#include <memory>
#include <span>

#include "channel/queue_core.hpp"
#include "ring/ring.hpp"

namespace shoal::python {

/// The object that a record's bytes stand for: a new reference, or nullptr with an error set, also
/// where memory runs out, as the item was taken. Takes the descriptors of the record.
PyObject* object_from(std::span<const std::byte> bytes, ring::Record& record) noexcept;

/// The same of a record whose payload stands in an extent of `queue`, where its buffers stay until
/// their last user is gone if `in_place`; else it is freed.
PyObject* object_from_content(ring::Record& record, std::shared_ptr<channel::QueueCore> queue,
                              bool in_place) noexcept;

/// _unship(index): a descriptor of the caller's own, of the item that this thread is unpickling.
PyObject* unship(PyObject* module, PyObject* index);

/// Finds Python's unpickler. False with an error set.
bool find_unpickler();

}  // namespace shoal::python
