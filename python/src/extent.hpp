// Memory of a queue that Python objects read, or write, in place.
#pragma once

#include <Python.h>

#include <memory>
#include <span>

#include "channel/loan.hpp"
#include "channel/queue_core.hpp"

namespace shoal::python {

/// shoal.Loan: what queue.loan() gives. A writable buffer until it is put or released.
struct PyLoan {
  PyObject_HEAD channel::LoanCore core;       // empty once it is put, and while that is tried
  std::shared_ptr<channel::QueueCore> queue;  // whose memory others may look at after that
  Py_ssize_t exports;
  bool being_put;
};

/// queue.loan(size).
PyObject* queue_loan(PyObject* self, PyObject* size);
bool is_loan(PyObject* object) noexcept;
/// Of one without memory.
const char* why_it_is_gone(const PyLoan& loan) noexcept;
/// The open loan of that queue in which all of these lie; borrowed, or nullptr.
PyLoan* loan_around(const channel::QueueCore* queue,
                    std::span<const std::span<const std::byte>> buffers) noexcept;

/// Where a large item stands, as a buffer; freed with its last user. A new reference, or nullptr
/// with an error set.
PyObject* make_view(std::shared_ptr<channel::QueueCore> queue, ring::Lent content);

/// Frees what was taken without the interpreter's lock, where it takes long.
void release(ring::Lent& content) noexcept;

PyObject* make_loan_type(PyObject* module);
PyObject* make_view_type(PyObject* module);

}  // namespace shoal::python
