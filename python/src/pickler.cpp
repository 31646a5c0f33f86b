#include "pickler.hpp"

#include <cstring>
#include <utility>

#include "arrays.hpp"
#include "pickle/wrapped.hpp"
#include "plain_pickler.hpp"

namespace shoal::python {

namespace {

// Opcodes of the pickle format, protocol 5 (pickletools.opcodes names and explains them).
constexpr unsigned char kProto = 0x80;
constexpr unsigned char kProtocol = 5;
constexpr unsigned char kNone = 'N';
constexpr unsigned char kNewTrue = 0x88;
constexpr unsigned char kNewFalse = 0x89;
constexpr unsigned char kStop = '.';

PyObject* dumps_function = nullptr;  // shoal._handles.dumps, found when first used

std::span<const std::byte> span_of(const void* data, std::size_t size) noexcept {
  return {static_cast<const std::byte*>(data), size};
}

}  // namespace

// It needs this module, so it cannot be there when this one is made.
PyObject* pickled_by_python(PyObject* object) {
  if (dumps_function == nullptr) {
    const Ref module(PyImport_ImportModule("shoal._handles"));
    if (!module) return nullptr;
    dumps_function = PyObject_GetAttrString(module.get(), "dumps");
    if (dumps_function == nullptr) return nullptr;
  }
  return PyObject_CallOneArg(dumps_function, object);
}

Payload::~Payload() { release(); }

void Payload::release() noexcept {
  for (Py_buffer& buffer : held_) PyBuffer_Release(&buffer);
  held_.clear();
  if (!std::exchange(has_loan_, false)) return;
  auto& loan = *reinterpret_cast<PyLoan*>(owner_.get());
  loan.being_put = false;
  if (loan_) loan.core = std::move(loan_);
}

std::size_t Payload::bytes() const noexcept { return loan_ ? loan_bytes_ : ring::size_of(parts()); }

bool Payload::put(os::Deadline deadline) {
  if (loan_) return loan_.put(loan_bytes_, deadline);
  return queue_.ring().put(parts(), encoding_, deadline, parcel());
}

bool Payload::set(PyObject* object) {
  if (PyLong_CheckExact(object)) return set_integer(object);
  if (PyUnicode_CheckExact(object)) return set_string(object);
  if (PyBytes_CheckExact(object)) {
    set_bytes(object);
    return true;
  }
  if (PyFloat_CheckExact(object)) {
    const double value = PyFloat_AS_DOUBLE(object);
    number(ring::Encoding::kFloat64, &value);
    return true;
  }
  if (object == Py_None || PyBool_Check(object)) {
    short_pickle(object == Py_None ? kNone : object == Py_True ? kNewTrue : kNewFalse);
    return true;
  }
  if (may_be_plain(object)) return set_plain(object);
  if (is_loan(object)) return set_loan(object);
  return is_array(object) ? set_array(object) : set_pickled(object);
}

void Payload::number(ring::Encoding encoding, const void* value) noexcept {
  encoding_ = encoding;
  std::memcpy(prefix_.data(), value, 8);
  few_[0] = span_of(prefix_.data(), 8);
  parts_ = std::span(few_).first(1);
}

void Payload::short_pickle(unsigned char opcode) noexcept {
  prefix_ = {kProto, kProtocol, opcode, kStop};
  few_[0] = span_of(prefix_.data(), 4);
  parts_ = std::span(few_).first(1);
}

void Payload::wrapped(Kind kind, const void* data, std::size_t size, PyObject* owner) noexcept {
  owner_ = Ref(Py_NewRef(owner));
  const pickle::Prefix prefix = pickle::prefix_for(kind, size);
  std::memcpy(prefix_.data(), prefix.bytes.data(), prefix.size);
  few_ = {span_of(prefix_.data(), prefix.size), span_of(data, size), std::span(&pickle::kEnd, 1)};
  parts_ = few_;
}

bool Payload::set_integer(PyObject* object) {
  int overflow = 0;
  const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow != 0) return set_pickled(object);
  number(ring::Encoding::kInt64, &value);
  return true;
}

// A string with lone surrogates has no UTF-8: the pickler knows what to do.
bool Payload::set_string(PyObject* object) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(object, &size);
  if (data == nullptr) {
    PyErr_Clear();
    return set_pickled(object);
  }
  wrapped(Kind::string, data, static_cast<std::size_t>(size), object);
  return true;
}

// A large one is a buffer of its own, so that it can be read where it stands.
void Payload::set_bytes(PyObject* object) {
  const void* data = PyBytes_AS_STRING(object);
  const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(object));
  if (size < ring::kFarFrom) return wrapped(Kind::bytes, data, size, object);
  owner_ = Ref(Py_NewRef(object));
  buffers_.push_back(span_of(data, size));
  bundle(pickle::kLonePickle);
}

// One of another queue is copied, as any buffer is.
bool Payload::set_loan(PyObject* object) {
  auto& loan = *reinterpret_cast<PyLoan*>(object);
  if (!loan.core) {
    PyErr_SetString(PyExc_ValueError, why_it_is_gone(loan));
    return false;
  }
  owner_ = Ref(Py_NewRef(object));
  buffers_.emplace_back(loan.core.content());
  if (loan.core.queue() == &queue_ && put_into_loan(loan, pickle::kLonePickle)) return true;
  bundle(pickle::kLonePickle);
  return true;
}

// It cannot change its size before this is gone.
bool Payload::set_array(PyObject* object) {
  const auto bytes = hold(object, PyBUF_FORMAT);
  if (!bytes) return false;
  const Py_buffer& buffer = held_.back();
  const auto type = numbers_of_format(buffer.format, static_cast<std::size_t>(buffer.itemsize));
  if (!type) return set_pickled(object);
  const std::uint64_t word = type->word();
  number(ring::Encoding::kNumbers, &word);
  few_[1] = *bytes;
  parts_ = std::span(few_).first(2);
  return true;
}

bool Payload::set_plain(PyObject* object) {
  if (!pickle_plain(object, plain_)) {
    plain_ = ByteBuffer();
    return set_pickled(object);
  }
  set_parts(plain_.view());
  return true;
}

bool Payload::set_pickled(PyObject* object) {
  Ref pickled(pickled_by_python(object));
  if (!pickled) return false;
  if (!PyTuple_Check(pickled.get())) {
    const auto bytes = hold(pickled.get());
    if (bytes) set_parts(*bytes);
    return bytes.has_value();
  }
  PyObject *bytes = nullptr, *fds = nullptr, *handles = nullptr, *buffers = nullptr;
  if (PyArg_ParseTuple(pickled.get(), "OO!OO!", &bytes, &PyTuple_Type, &fds, &handles, &PyList_Type,
                       &buffers) == 0) {
    return false;
  }
  owner_ = std::move(pickled);  // the handles that own the descriptors among it
  const auto held = hold(bytes);
  if (!held || !hold_descriptors(fds) || !hold_all(buffers)) return false;
  if (!buffers_.empty() && fds_.empty()) {
    auto* loan = loan_around(&queue_, buffers_);
    if (loan != nullptr && put_into_loan(*loan, *held)) return true;
  }
  if (buffers_.empty()) {
    set_parts(*held);
  } else {
    bundle(*held);
  }
  return true;
}

// nullopt with an error set.
std::optional<std::span<const std::byte>> Payload::hold(PyObject* object, int flags) {
  Py_buffer& buffer = held_.emplace_back();
  if (PyObject_GetBuffer(object, &buffer, flags) != 0) {
    held_.pop_back();
    return std::nullopt;
  }
  return span_of(buffer.buf, static_cast<std::size_t>(buffer.len));
}

bool Payload::hold_all(PyObject* objects) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); ++i) {
    const auto bytes = hold(PyList_GET_ITEM(objects, i));
    if (!bytes) return false;
    buffers_.push_back(*bytes);
  }
  return true;
}

bool Payload::hold_descriptors(PyObject* fds) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fds); ++i) {
    fds_.push_back(static_cast<int>(PyLong_AsLong(PyTuple_GET_ITEM(fds, i))));
  }
  parcel_.fds = fds_;
  return PyErr_Occurred() == nullptr;
}

void Payload::set_parts(std::span<const std::byte> pickle) {
  few_ = {span_of(&parcel_.number, sizeof parcel_.number), pickle};
  const bool parcel = !fds_.empty();
  parts_ = std::span(few_).subspan(parcel ? 0 : 1, parcel ? 2 : 1);
  encoding_ = parcel ? ring::Encoding::kParcel : ring::Encoding::kPickle;
}

void Payload::bundle(std::span<const std::byte> pickle) {
  const auto& parts = bundle_.emplace(buffers_, pickle).parts();
  if (fds_.empty()) {
    parts_ = parts;
    encoding_ = ring::Encoding::kBundle;
    return;
  }
  many_.push_back(span_of(&parcel_.number, sizeof parcel_.number));
  many_.insert(many_.end(), parts.begin(), parts.end());
  parts_ = many_;
  encoding_ = ring::Encoding::kParcelBundle;
}

// The buffers stand there already. False where there is no room for the rest.
bool Payload::put_into_loan(PyLoan& loan, std::span<const std::byte> pickle) {
  loan_bytes_ = loan.core.wrap(buffers_, pickle);
  if (loan_bytes_ == 0) return false;
  owner_ = Ref(Py_NewRef(reinterpret_cast<PyObject*>(&loan)));
  loan_ = std::move(loan.core);
  has_loan_ = loan.being_put = true;
  encoding_ = ring::Encoding::kBundle;
  return true;
}

}  // namespace shoal::python
