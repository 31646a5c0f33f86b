#include "pickler.hpp"

#include <cstdint>
#include <cstring>
#include <shoal/pickle.hpp>
#include <utility>
#include <vector>

#include "os/fd.hpp"
#include "shm/shipment.hpp"

namespace shoal::python {

struct Shipping {
  shm::Shipment shipment;
  std::vector<Ref> handles;
};

namespace {

// Opcodes of the pickle format, protocol 5 (pickletools.opcodes names and explains them).
constexpr unsigned char kProto = 0x80;
constexpr unsigned char kProtocol = 5;
constexpr unsigned char kNone = 'N';
constexpr unsigned char kNewTrue = 0x88;
constexpr unsigned char kNewFalse = 0x89;
constexpr unsigned char kShortBinUnicode = 0x8c;
constexpr unsigned char kBinUnicode8 = 0x8d;
constexpr unsigned char kShortBinBytes = 'C';
constexpr unsigned char kBinBytes8 = 0x8e;
constexpr unsigned char kStop = '.';

// Keeps the handles that are pickled alive, as their descriptors are borrowed.
thread_local Shipping* pickling = nullptr;

PyObject* dumps_function = nullptr;  // multiprocessing.reduction.ForkingPickler.dumps
PyObject* loads_function = nullptr;  // pickle.loads

std::span<const std::byte> span_of(const void* data, std::size_t size) noexcept {
  return {static_cast<const std::byte*>(data), size};
}

// PROTO 5, the opcode for `size` bytes and the size; returns how long that is.
std::size_t write_prefix(unsigned char* at, unsigned char short_code, unsigned char long_code,
                         std::uint64_t size) noexcept {
  at[0] = kProto;
  at[1] = kProtocol;
  if (size < 256) {
    at[2] = short_code;
    at[3] = static_cast<unsigned char>(size);
    return 4;
  }
  at[2] = long_code;
  std::memcpy(at + 3, &size, 8);
  return 11;
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

// The descriptors stay the record's; each handle duplicates its own.
PyObject* unpacked(std::span<const std::byte> bytes, const ring::Record& record) {
  const Ref module(PyImport_ImportModule("shoal._handles"));
  auto* data = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
  const Ref view(PyMemoryView_FromMemory(data, static_cast<Py_ssize_t>(bytes.size()), PyBUF_READ));
  if (!module || !view) return nullptr;
  std::vector<int> fds;
  for (const auto& fd : record.fds) fds.push_back(fd.get());
  shm::Shipment shipment(std::move(fds));
  const shm::Shipment::Scope scope(shipment);
  return PyObject_CallMethod(module.get(), "loads", "(O)", view.get());
}

template <class Function>
PyObject* while_shipping(Shipping& shipping, Function function) {
  Shipping* const before = std::exchange(pickling, &shipping);
  PyObject* result = function();
  pickling = before;
  return result;
}

template <class Number>
Number number_in(std::span<const std::byte> bytes) noexcept {
  Number number{};
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

}  // namespace

std::size_t bytes_pickled(std::span<const std::byte> start, std::uint64_t bytes) noexcept {
  if (start.size() < kBytesPrefix || bytes < kBytesPrefix + 1) return 0;
  std::array<unsigned char, kBytesPrefix> expected{};
  const std::size_t size = bytes - kBytesPrefix - 1;
  if (write_prefix(expected.data(), kShortBinBytes, kBinBytes8, size) != kBytesPrefix) return 0;
  return std::memcmp(expected.data(), start.data(), kBytesPrefix) == 0 ? size : 0;
}

bool find_pickler() {
  const Ref reduction(PyImport_ImportModule("multiprocessing.reduction"));
  const Ref pickle(PyImport_ImportModule("pickle"));
  if (!reduction || !pickle) return false;
  const Ref pickler(PyObject_GetAttrString(reduction.get(), "ForkingPickler"));
  if (!pickler) return false;
  dumps_function = PyObject_GetAttrString(pickler.get(), "dumps");
  loads_function = PyObject_GetAttrString(pickle.get(), "loads");
  return dumps_function != nullptr && loads_function != nullptr;
}

Payload::Payload() = default;
Payload::~Payload() {
  if (has_buffer_) PyBuffer_Release(&buffer_);
}

std::size_t Payload::bytes() const noexcept {
  std::size_t sum = 0;
  for (const auto& part : parts()) sum += part.size();
  return sum;
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
  return set_pickled(object);
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

void Payload::wrapped(std::size_t prefix, const void* data, std::size_t size,
                      PyObject* owner) noexcept {
  static constexpr unsigned char kEnd = kStop;
  owner_ = Ref(Py_NewRef(owner));
  parts_ = {span_of(prefix_.data(), prefix), span_of(data, size), span_of(&kEnd, 1)};
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
  const auto length = static_cast<std::size_t>(size);
  wrapped(write_prefix(prefix_.data(), kShortBinUnicode, kBinUnicode8, length), data, length,
          object);
  return true;
}

void Payload::set_bytes(PyObject* object) {
  const auto length = static_cast<std::size_t>(PyBytes_GET_SIZE(object));
  wrapped(write_prefix(prefix_.data(), kShortBinBytes, kBinBytes8, length),
          PyBytes_AS_STRING(object), length, object);
}

bool Payload::set_pickled(PyObject* object) {
  Shipping found;
  const Ref pickled(
      while_shipping(found, [&] { return PyObject_CallOneArg(dumps_function, object); }));
  if (!found.handles.empty()) return pickled && set_parcel(object);
  return pickled && set_buffer(pickled.get(), 0);
}

bool Payload::set_buffer(PyObject* pickled, std::size_t part) {
  if (PyObject_GetBuffer(pickled, &buffer_, PyBUF_SIMPLE) != 0) return false;
  has_buffer_ = true;
  parts_.at(part) = span_of(buffer_.buf, static_cast<std::size_t>(buffer_.len));
  count_ = part + 1;
  return true;
}

// There are handles in it: pickled again, in the form that both languages read. That asks for each
// object whether it is a handle, which is too slow for those that are not.
bool Payload::set_parcel(PyObject* object) {
  const Ref module(PyImport_ImportModule("shoal._handles"));
  if (!module) return false;
  shipping_ = std::make_unique<Shipping>();
  const Ref pickled(while_shipping(
      *shipping_, [&] { return PyObject_CallMethod(module.get(), "dumps", "(O)", object); }));
  if (!pickled || !set_buffer(pickled.get(), 1)) return false;
  parcel_.fds = shipping_->shipment.fds();
  parts_[0] = span_of(&parcel_.number, sizeof parcel_.number);
  encoding_ = ring::Encoding::kParcel;
  return true;
}

PyObject* ship(PyObject*, PyObject* args) {
  PyObject* handle = nullptr;
  int fd = -1;
  if (PyArg_ParseTuple(args, "Oi", &handle, &fd) == 0) return nullptr;
  if (pickling == nullptr) Py_RETURN_NONE;
  try {
    pickling->handles.emplace_back(Py_NewRef(handle));
    return PyLong_FromSize_t(pickling->shipment.add(fd));
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* unship(PyObject*, PyObject* index) {
  const long number = PyLong_AsLong(index);
  if (number == -1 && PyErr_Occurred() != nullptr) return nullptr;
  const auto* shipment = shm::Shipment::current();
  const int fd =
      shipment == nullptr || number < 0 ? -1 : shipment->at(static_cast<std::size_t>(number));
  if (fd < 0) {
    PyErr_SetString(PyExc_EOFError,
                    "a handle without its descriptor, which was lost: a queue that was attached by "
                    "its descriptor alone has no handles in it");
    return nullptr;
  }
  try {
    return PyLong_FromLong(os::duplicate(fd, "a handle").release());
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* object_from(std::span<const std::byte> bytes, const ring::Record& record) {
  switch (record.encoding) {
    case ring::Encoding::kParcel:
      return unpacked(bytes.subspan(sizeof(ring::Parcel::number)), record);
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
  }
  PyErr_SetString(PyExc_ValueError,
                  "an item of unknown form: written by another version of shoal?");
  return nullptr;
}

}  // namespace shoal::python
