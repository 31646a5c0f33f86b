#include "arrays.hpp"

#include <array>
#include <cstring>

#include "python.hpp"

namespace shoal::python {
namespace {

using detail::NumberType;
using Kind = NumberType::Kind;

PyObject* array_type = nullptr;  // array.array, found when first used

bool find_array_type() {
  if (array_type != nullptr) return true;
  const Ref module(PyImport_ImportModule("array"));
  if (!module) return false;
  array_type = PyObject_GetAttrString(module.get(), "array");
  return array_type != nullptr;
}

struct Typecode {
  char letter;
  Kind kind;
  std::size_t size;
};
// Of two for one type, the first is that of an array that Python has not sent.
constexpr std::array kTypecodes{
    Typecode{'b', Kind::kSigned, sizeof(signed char)},
    Typecode{'h', Kind::kSigned, sizeof(short)},      // NOLINT(google-runtime-int): array's own
    Typecode{'i', Kind::kSigned, sizeof(int)},        //
    Typecode{'q', Kind::kSigned, sizeof(long long)},  // NOLINT(google-runtime-int)
    Typecode{'l', Kind::kSigned, sizeof(long)},       // NOLINT(google-runtime-int)
    Typecode{'B', Kind::kUnsigned, sizeof(unsigned char)},
    Typecode{'H', Kind::kUnsigned, sizeof(unsigned short)},  // NOLINT(google-runtime-int)
    Typecode{'I', Kind::kUnsigned, sizeof(unsigned)},
    Typecode{'Q', Kind::kUnsigned, sizeof(unsigned long long)},  // NOLINT(google-runtime-int)
    Typecode{'L', Kind::kUnsigned, sizeof(unsigned long)},       // NOLINT(google-runtime-int)
    Typecode{'f', Kind::kFloat, sizeof(float)},
    Typecode{'d', Kind::kFloat, sizeof(double)},
};

// There is one of each type.
const Typecode& typecode_of(NumberType type) noexcept {
  const Typecode* found = nullptr;
  for (const Typecode& code : kTypecodes) {
    if (code.kind != type.kind() || code.size != type.size()) continue;
    if (code.letter == type.typecode()) return code;
    if (found == nullptr) found = &code;
  }
  return *found;
}

}  // namespace

bool is_array(PyObject* object) noexcept {
  const PyTypeObject* type = Py_TYPE(object);
  if (type->tp_as_buffer == nullptr || type->tp_as_buffer->bf_getbuffer == nullptr) return false;
  if (std::strcmp(type->tp_name, "array.array") != 0) return false;
  if (find_array_type()) return reinterpret_cast<PyObject*>(Py_TYPE(object)) == array_type;
  PyErr_Clear();
  return false;
}

std::optional<NumberType> numbers_of_format(const char* format, std::size_t size) noexcept {
  if (format == nullptr || format[0] == '\0' || format[1] != '\0') return std::nullopt;
  for (const Typecode& code : kTypecodes) {
    if (code.letter == format[0] && code.size == size) return NumberType(code.kind, size, *format);
  }
  return std::nullopt;
}

PyObject* array_from(std::span<const std::byte> record) {
  const auto numbers = detail::numbers_in(record);
  if (!numbers) {
    PyErr_SetString(PyExc_ValueError,
                    "an item of unknown form: written by another version of shoal?");
    return nullptr;
  }
  const Typecode& code = typecode_of(numbers->type);
  if (!find_array_type()) return nullptr;
  Ref array(PyObject_CallFunction(array_type, "C", code.letter));
  if (!array || numbers->bytes.empty()) return array.release();
  auto* data = const_cast<char*>(reinterpret_cast<const char*>(numbers->bytes.data()));
  const auto size = static_cast<Py_ssize_t>(numbers->bytes.size());
  const Ref view(PyMemoryView_FromMemory(data, size, PyBUF_READ));
  if (!view) return nullptr;
  const Ref none(PyObject_CallMethod(array.get(), "frombytes", "O", view.get()));
  return none ? array.release() : nullptr;
}

}  // namespace shoal::python
