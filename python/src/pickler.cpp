#include "pickler.hpp"

#include <cstdint>
#include <cstring>
#include <shoal/pickle.hpp>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "os/fd.hpp"
#include "pickle/wrapped.hpp"
#include "shm/shipment.hpp"

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
PyObject* loads_function = nullptr;  // pickle.loads

std::span<const std::byte> span_of(const void* data, std::size_t size) noexcept {
  return {static_cast<const std::byte*>(data), size};
}

PyObject* object_from_scalar(const pickle::Scalar& scalar) {
  const auto* data = reinterpret_cast<const char*>(scalar.bytes.data());
  const auto size = static_cast<Py_ssize_t>(scalar.bytes.size());
  switch (scalar.kind) {
    case Kind::none: Py_RETURN_NONE;
    case Kind::boolean: return PyBool_FromLong(scalar.integer != 0 ? 1 : 0);
    case Kind::integer: return PyLong_FromLongLong(scalar.integer);
    case Kind::real: return PyFloat_FromDouble(scalar.real);
    case Kind::string: return PyUnicode_DecodeUTF8(data, size, "surrogatepass");
    case Kind::bytes: return PyBytes_FromStringAndSize(data, size);
    default: return nullptr;
  }
}

PyObject* unpickled(std::span<const std::byte> bytes) {
  if (const auto scalar = pickle::scan_scalar(bytes)) return object_from_scalar(*scalar);
  auto* data = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
  const Ref view(PyMemoryView_FromMemory(data, static_cast<Py_ssize_t>(bytes.size()), PyBUF_READ));
  return view ? PyObject_CallOneArg(loads_function, view.get()) : nullptr;
}

PyObject* unpacked(std::span<const std::byte> bytes, ring::Record& record) {
  shm::Shipment shipment(std::move(record.fds));
  const shm::Shipment::Scope scope(shipment);
  return unpickled(bytes.subspan(sizeof(ring::Parcel::number)));
}

template <class Number>
Number number_in(std::span<const std::byte> bytes) noexcept {
  Number number{};
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

PyObject* bytes_of(std::span<const std::byte> bytes) {
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()),
                                   static_cast<Py_ssize_t>(bytes.size()));
}

PyObject* read(std::span<const std::byte> bytes, ring::Record& record) {
  switch (record.encoding) {
    case ring::Encoding::kParcel: return unpacked(bytes, record);
    case ring::Encoding::kPickle: return unpickled(bytes);
    case ring::Encoding::kInt64:
      if (bytes.size() == 8) return PyLong_FromLongLong(number_in<long long>(bytes));
      break;
    case ring::Encoding::kUint64:
      if (bytes.size() == 8) return PyLong_FromUnsignedLongLong(number_in<std::uint64_t>(bytes));
      break;
    case ring::Encoding::kFloat64:
      if (bytes.size() == 8) return PyFloat_FromDouble(number_in<double>(bytes));
      break;
    case ring::Encoding::kNumbers: return array_from(bytes);
    case ring::Encoding::kBytes: return bytes_of(bytes);
  }
  PyErr_SetString(PyExc_ValueError,
                  "an item of unknown form: written by another version of shoal?");
  return nullptr;
}

}  // namespace

bool find_unpickler() {
  const Ref pickle(PyImport_ImportModule("pickle"));
  if (!pickle) return false;
  loads_function = PyObject_GetAttrString(pickle.get(), "loads");
  return loads_function != nullptr;
}

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

Payload::Payload() = default;
Payload::~Payload() {
  if (has_buffer_) PyBuffer_Release(&buffer_);
}

std::size_t Payload::bytes() const noexcept { return ring::size_of(parts()); }

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
  return is_array(object) ? set_array(object) : set_pickled(object);
}

void Payload::number(ring::Encoding encoding, const void* value) noexcept {
  encoding_ = encoding;
  std::memcpy(prefix_.data(), value, 8);
  parts_[0] = span_of(prefix_.data(), 8);
  count_ = 1;
}

void Payload::short_pickle(unsigned char opcode) noexcept {
  prefix_ = {kProto, kProtocol, opcode, kStop};
  parts_[0] = span_of(prefix_.data(), 4);
  count_ = 1;
}

void Payload::wrapped(Kind kind, const void* data, std::size_t size, PyObject* owner) noexcept {
  owner_ = Ref(Py_NewRef(owner));
  const pickle::Prefix prefix = pickle::prefix_for(kind, size);
  std::memcpy(prefix_.data(), prefix.bytes.data(), prefix.size);
  parts_ = {span_of(prefix_.data(), prefix.size), span_of(data, size), std::span(&pickle::kEnd, 1)};
  count_ = 3;
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

void Payload::set_bytes(PyObject* object) {
  wrapped(Kind::bytes, PyBytes_AS_STRING(object),
          static_cast<std::size_t>(PyBytes_GET_SIZE(object)), object);
}

// It cannot change its size before this is gone.
bool Payload::set_array(PyObject* object) {
  if (PyObject_GetBuffer(object, &buffer_, PyBUF_FORMAT) != 0) return false;
  const auto type = numbers_of_format(buffer_.format, static_cast<std::size_t>(buffer_.itemsize));
  if (!type) {
    PyBuffer_Release(&buffer_);
    return set_pickled(object);
  }
  has_buffer_ = true;
  const std::uint64_t word = type->word();
  number(ring::Encoding::kNumbers, &word);
  parts_[1] = span_of(buffer_.buf, static_cast<std::size_t>(buffer_.len));
  count_ = 2;
  return true;
}

bool Payload::set_pickled(PyObject* object) {
  const Ref pickled(pickled_by_python(object));
  if (!pickled) return false;
  return PyTuple_Check(pickled.get()) ? set_parcel(pickled.get()) : set_buffer(pickled.get(), 0);
}

bool Payload::set_buffer(PyObject* pickled, std::size_t part) {
  if (PyObject_GetBuffer(pickled, &buffer_, PyBUF_SIMPLE) != 0) return false;
  has_buffer_ = true;
  parts_.at(part) = span_of(buffer_.buf, static_cast<std::size_t>(buffer_.len));
  count_ = part + 1;
  return true;
}

// The pickle, the descriptors, and the handles that own them: all kept with the tuple.
bool Payload::set_parcel(PyObject* pickled) {
  PyObject* fds = PyTuple_GetItem(pickled, 1);
  if (fds == nullptr || !set_buffer(PyTuple_GET_ITEM(pickled, 0), 1)) return false;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fds); ++i) {
    fds_.push_back(static_cast<int>(PyLong_AsLong(PyTuple_GET_ITEM(fds, i))));
  }
  owner_ = Ref(Py_NewRef(pickled));
  parcel_.fds = fds_;
  parts_[0] = span_of(&parcel_.number, sizeof parcel_.number);
  encoding_ = ring::Encoding::kParcel;
  return true;
}

PyObject* unship(PyObject*, PyObject* index) {
  const std::size_t number = PyLong_AsSize_t(index);
  if (PyErr_Occurred() != nullptr) return nullptr;
  try {
    auto* shipment = shm::Shipment::current();
    os::Fd fd = shipment == nullptr ? os::Fd() : shipment->take(number, "a handle");
    if (fd) return PyLong_FromLong(fd.release());
    PyErr_SetString(PyExc_EOFError, "a handle without its descriptor");
    return nullptr;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* object_from(std::span<const std::byte> bytes, ring::Record& record) noexcept {
  try {
    return read(bytes, record);
  } catch (...) {
    return raise_current_exception();
  }
}

}  // namespace shoal::python
