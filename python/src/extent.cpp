#include "extent.hpp"

#include <algorithm>
#include <new>
#include <utility>
#include <vector>

#include "queue.hpp"

namespace shoal::python {
namespace {

// Giving such a piece back to the system takes long.
constexpr std::size_t kFreeWithGil = 1U << 20U;

PyTypeObject* loan_type = nullptr;
PyTypeObject* view_type = nullptr;

// All that there are in this process, open or not; with the interpreter's lock held. Never freed:
// objects outlive what frees statics.
std::vector<PyLoan*>* loans = nullptr;

PyLoan& loan_of(PyObject* object) noexcept { return *reinterpret_cast<PyLoan*>(object); }

// ------------------------------------------------------------------ loans

void loan_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  std::erase(*loans, &loan_of(self));
  loan_of(self).core.~LoanCore();
  loan_of(self).queue.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

int loan_buffer(PyObject* self, Py_buffer* view, int flags) {
  PyLoan& loan = loan_of(self);
  if (!loan.core) {
    PyErr_SetString(PyExc_BufferError, why_it_is_gone(loan));
    view->obj = nullptr;
    return -1;
  }
  const auto content = loan.core.content();
  if (PyBuffer_FillInfo(view, self, content.data(), static_cast<Py_ssize_t>(content.size()), 0,
                        flags) != 0) {
    return -1;
  }
  ++loan.exports;
  return 0;
}

void loan_release_buffer(PyObject* self, Py_buffer*) { --loan_of(self).exports; }

Py_ssize_t loan_length(PyObject* self) {
  return static_cast<Py_ssize_t>(loan_of(self).core.content().size());
}

PyObject* loan_release(PyObject* self, PyObject*) {
  PyLoan& loan = loan_of(self);
  if (loan.being_put) {
    PyErr_SetString(PyExc_BufferError, why_it_is_gone(loan));
    return nullptr;
  }
  if (loan.core && loan.exports > 0) {
    PyErr_Format(PyExc_BufferError, "this loan is in use by %zd other objects", loan.exports);
    return nullptr;
  }
  channel::LoanCore gone(std::move(loan.core));
  {
    const WithoutGil other_threads_run;
    channel::LoanCore freed(std::move(gone));
  }
  Py_RETURN_NONE;
}

PyObject* loan_reduce(PyObject* self, PyObject*) {
  const Ref handles(PyImport_ImportModule("shoal._handles"));
  if (!handles) return nullptr;
  const Ref function(PyObject_GetAttrString(handles.get(), "buffer"));
  const Ref buffer(PyPickleBuffer_FromObject(self));
  if (!function || !buffer) return nullptr;
  return Py_BuildValue("O(O)", function.get(), buffer.get());
}

PyMethodDef loan_methods[] = {
    {"release", loan_release, METH_NOARGS,
     "release($self, /)\n--\n\n"
     "Give it back without putting it. BufferError where others still use its memory."},
    {"__reduce_ex__", loan_reduce, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot loan_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(loan_dealloc)},
    {Py_tp_methods, loan_methods},
    {Py_sq_length, reinterpret_cast<void*>(loan_length)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(loan_buffer)},
    {Py_bf_releasebuffer, reinterpret_cast<void*>(loan_release_buffer)},
    {Py_tp_doc,
     const_cast<char*>("Memory of a queue to write an item in place; see Queue.loan().")},
    {0, nullptr},
};
PyType_Spec loan_spec = {"shoal.Loan", sizeof(PyLoan), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, loan_slots};

// ------------------------------------------------------------------ views

struct PyView {
  PyObject_HEAD std::shared_ptr<channel::QueueCore> queue;  // lives longer than what it lent
  ring::Lent content;
};

PyView& view_of(PyObject* object) noexcept { return *reinterpret_cast<PyView*>(object); }

void view_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyView& view = view_of(self);
  release(view.content);
  view.content.~Lent();
  view.queue.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

int view_buffer(PyObject* self, Py_buffer* view, int flags) {
  const auto content = view_of(self).content.bytes();
  return PyBuffer_FillInfo(view, self, content.data(), static_cast<Py_ssize_t>(content.size()), 0,
                           flags);
}

PyType_Slot view_slots[] = {
    {Py_tp_dealloc, reinterpret_cast<void*>(view_dealloc)},
    {Py_bf_getbuffer, reinterpret_cast<void*>(view_buffer)},
    {0, nullptr},
};
PyType_Spec view_spec = {"shoal._core.View", sizeof(PyView), 0,
                         Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, view_slots};

}  // namespace

const char* why_it_is_gone(const PyLoan& loan) noexcept {
  return loan.being_put ? "this loan is being put" : "this loan was put or released";
}

PyObject* queue_loan(PyObject* self, PyObject* size) {
  const Py_ssize_t bytes = PyNumber_AsSsize_t(size, PyExc_OverflowError);
  if (bytes == -1 && PyErr_Occurred() != nullptr) return nullptr;
  if (bytes < 0) {
    PyErr_Format(PyExc_ValueError, "loan() takes a size of 0 bytes or more, not %zd", bytes);
    return nullptr;
  }
  if (open_core_of(self) == nullptr) return nullptr;
  try {
    channel::LoanCore core;
    {
      const WithoutGil other_threads_run;
      core = channel::LoanCore(reinterpret_cast<PyQueue*>(self)->core,
                               static_cast<std::uint64_t>(bytes));
    }
    loans->reserve(loans->size() + 1);
    PyObject* object = loan_type->tp_alloc(loan_type, 0);
    if (object == nullptr) return nullptr;
    new (&loan_of(object).core) channel::LoanCore(std::move(core));
    new (&loan_of(object).queue)
        std::shared_ptr<channel::QueueCore>(reinterpret_cast<PyQueue*>(self)->core);
    loans->push_back(&loan_of(object));
    return object;
  } catch (...) {
    return raise_current_exception();
  }
}

bool is_loan(PyObject* object) noexcept { return Py_TYPE(object) == loan_type; }

PyLoan* loan_around(const channel::QueueCore* queue,
                    std::span<const std::span<const std::byte>> buffers) noexcept {
  const auto holds = [&](const PyLoan* loan) {
    if (!loan->core.is_ours() || loan->core.queue() != queue) return false;
    const auto content = loan->core.content();
    return std::ranges::all_of(buffers, [&](const auto& buffer) {
      return buffer.data() >= content.data() &&
             buffer.data() + buffer.size() <= content.data() + content.size();
    });
  };
  const auto found = std::ranges::find_if(*loans, holds);
  return found == loans->end() ? nullptr : *found;
}

PyObject* make_view(std::shared_ptr<channel::QueueCore> queue, ring::Lent content) {
  PyObject* object = view_type->tp_alloc(view_type, 0);
  if (object == nullptr) return nullptr;
  new (&view_of(object).queue) std::shared_ptr<channel::QueueCore>(std::move(queue));
  new (&view_of(object).content) ring::Lent(std::move(content));
  return object;
}

void release(ring::Lent& content) noexcept {
  ring::Lent gone(std::move(content));
  if (gone.bytes().size() < kFreeWithGil) return;
  const WithoutGil other_threads_run;
  const ring::Lent freed(std::move(gone));
}

PyObject* make_loan_type(PyObject* module) {
  PyObject* type = PyType_FromModuleAndSpec(module, &loan_spec, nullptr);
  if (loans == nullptr) loans = new std::vector<PyLoan*>;
  loan_type = reinterpret_cast<PyTypeObject*>(type);
  return type;
}

PyObject* make_view_type(PyObject* module) {
  PyObject* type = PyType_FromModuleAndSpec(module, &view_spec, nullptr);
  view_type = reinterpret_cast<PyTypeObject*>(type);
  return type;
}

}  // namespace shoal::python
