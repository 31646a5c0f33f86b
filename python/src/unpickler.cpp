#include "unpickler.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <shoal/pickle.hpp>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "extent.hpp"
#include "os/copy.hpp"
#include "os/fd.hpp"
#include "os/memory.hpp"
#include "pickle/bundle.hpp"
#include "plain_pickler.hpp"
#include "plain_unpickler.hpp"
#include "queue.hpp"
#include "shm/shipment.hpp"

namespace shoal::python {
namespace {

PyObject* loads_function = nullptr;  // pickle.loads
PyObject* buffers_name = nullptr;    // ("buffers",)

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

Ref view_of(std::span<const std::byte> bytes) {
  auto* data = const_cast<char*>(reinterpret_cast<const char*>(bytes.data()));
  return Ref(PyMemoryView_FromMemory(data, static_cast<Py_ssize_t>(bytes.size()), PyBUF_READ));
}

PyObject* unpickled(std::span<const std::byte> bytes) {
  if (const auto scalar = pickle::scan_scalar(bytes)) return object_from_scalar(*scalar);
  PyObject* plain = bytes.size() <= 2 * kMostPlain ? unpickle_plain(bytes) : nullptr;
  if (plain != nullptr) return plain;
  const Ref view = view_of(bytes);
  return view ? PyObject_CallOneArg(loads_function, view.get()) : nullptr;
}

PyObject* unpickled(std::span<const std::byte> bytes, PyObject* buffers) {
  const Ref view = view_of(bytes);
  if (!view) return nullptr;
  const std::array<PyObject*, 2> arguments{view.get(), buffers};
  return PyObject_Vectorcall(loads_function, arguments.data(), 1, buffers_name);
}

// Copies of the buffers of a bundle, to which the object that is made of them belongs. Large ones
// are copied without the interpreter's lock.
class Copies {
 public:
  explicit Copies(std::size_t count) : list_(PyList_New(static_cast<Py_ssize_t>(count))) {}

  bool add(std::size_t index, std::span<const std::byte> bytes, bool as_bytes) {
    const auto size = static_cast<Py_ssize_t>(bytes.size());
    PyObject* copy = as_bytes ? PyBytes_FromStringAndSize(nullptr, size)
                              : PyByteArray_FromStringAndSize(nullptr, size);
    if (!list_ || copy == nullptr) return false;
    PyList_SET_ITEM(list_.get(), static_cast<Py_ssize_t>(index), copy);
    char* to = as_bytes ? PyBytes_AS_STRING(copy) : PyByteArray_AS_STRING(copy);
    os::prefer_large_pages(reinterpret_cast<std::byte*>(to), bytes.size());
    copies_.emplace_back(reinterpret_cast<std::byte*>(to), bytes);
    sum_ += bytes.size();
    return true;
  }

  PyObject* filled() {
    if (sum_ <= kCopyWithGil) {
      copy();
    } else {
      const WithoutGil other_threads_run;
      copy();
    }
    return list_.get();
  }

 private:
  void copy() const noexcept {
    for (const auto& [to, from] : copies_) {
      os::copy(to, from.data(), from.size());
    }
  }

  Ref list_;
  std::vector<std::pair<std::byte*, std::span<const std::byte>>> copies_;
  std::size_t sum_ = 0;
};

PyObject* bytes_of(std::span<const std::byte> bytes) {
  return PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()),
                                   static_cast<Py_ssize_t>(bytes.size()));
}

PyObject* unknown_form() {
  PyErr_SetString(PyExc_ValueError,
                  "an item of unknown form: written by another version of shoal?");
  return nullptr;
}

PyObject* from_bundle(std::span<const std::byte> bytes) {
  const auto bundle = pickle::Bundle::in(bytes);
  if (!bundle) return unknown_form();
  const auto buffers = bundle->buffers();
  const bool lone = bundle->lone().has_value();
  Copies copies(buffers.size());
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    if (!copies.add(i, buffers[i], lone)) return nullptr;
  }
  PyObject* filled = copies.filled();
  return lone ? Py_NewRef(PyList_GET_ITEM(filled, 0)) : unpickled(bundle->pickle(), filled);
}

// `content` is a buffer of all its bytes.
PyObject* from_bundle_in_place(std::span<const std::byte> bytes, PyObject* content) {
  const auto bundle = pickle::Bundle::in(bytes);
  const Ref whole(PyMemoryView_FromObject(content));
  if (!bundle) return unknown_form();
  const Ref views(PyList_New(static_cast<Py_ssize_t>(bundle->buffers().size())));
  if (!whole || !views) return nullptr;
  for (std::size_t i = 0; i < bundle->buffers().size(); ++i) {
    const auto& buffer = bundle->buffers()[i];
    const auto begin = static_cast<Py_ssize_t>(buffer.data() - bytes.data());
    PyObject* view =
        PySequence_GetSlice(whole.get(), begin, begin + static_cast<Py_ssize_t>(buffer.size()));
    if (view == nullptr) return nullptr;
    PyList_SET_ITEM(views.get(), static_cast<Py_ssize_t>(i), view);
  }
  return unpickled(bundle->pickle(), views.get());
}

PyObject* unpacked(std::span<const std::byte> bytes, ring::Record& record) {
  shm::Shipment shipment(std::move(record.fds));
  const shm::Shipment::Scope scope(shipment);
  const auto rest = bytes.subspan(sizeof(ring::Parcel::number));
  return record.encoding == ring::Encoding::kParcel ? unpickled(rest) : from_bundle(rest);
}

template <class Number>
Number number_in(std::span<const std::byte> bytes) noexcept {
  Number number{};
  std::memcpy(&number, bytes.data(), sizeof number);
  return number;
}

PyObject* read(std::span<const std::byte> bytes, ring::Record& record) {
  switch (record.encoding) {
    case ring::Encoding::kParcel:
    case ring::Encoding::kParcelBundle: return unpacked(bytes, record);
    case ring::Encoding::kBundle: return from_bundle(bytes);
    case ring::Encoding::kNumbers: return array_from(bytes);
    case ring::Encoding::kBytes: return bytes_of(bytes);
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
  return unknown_form();
}

}  // namespace

bool find_unpickler() {
  const Ref pickle(PyImport_ImportModule("pickle"));
  if (!pickle) return false;
  loads_function = PyObject_GetAttrString(pickle.get(), "loads");
  buffers_name = Py_BuildValue("(s)", "buffers");
  return loads_function != nullptr && buffers_name != nullptr;
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

PyObject* object_from_content(ring::Record& record, std::shared_ptr<channel::QueueCore> queue,
                              bool in_place) noexcept {
  const std::span<const std::byte> bytes = record.content.bytes();
  if (!in_place || record.encoding != ring::Encoding::kBundle) {
    PyObject* object = object_from(bytes, record);
    release(record.content);
    return object;
  }
  try {
    const Ref view(make_view(std::move(queue), std::move(record.content)));
    return view ? from_bundle_in_place(bytes, view.get()) : nullptr;
  } catch (...) {
    return raise_current_exception();
  }
}

}  // namespace shoal::python
