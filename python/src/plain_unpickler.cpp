#include "plain_unpickler.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <memory_resource>
#include <vector>

#include "pickle/opcodes.hpp"
#include "pickle/reader.hpp"
#include "python.hpp"

namespace shoal::python {
namespace {

// References in a vector whose first elements cost no allocation.
class Refs {
 public:
  explicit Refs(std::pmr::memory_resource& memory) : objects_(&memory) { objects_.reserve(kFew); }
  Refs(const Refs&) = delete;
  Refs& operator=(const Refs&) = delete;
  ~Refs() { shrink(0); }

  [[nodiscard]] std::size_t size() const noexcept { return objects_.size(); }
  [[nodiscard]] PyObject* operator[](std::size_t index) const noexcept { return objects_[index]; }
  [[nodiscard]] PyObject* const* begin_at(std::size_t index) const noexcept {
    return objects_.data() + index;
  }
  /// Takes the reference, also where it throws std::bad_alloc.
  void push(Ref object) {
    objects_.push_back(object.get());
    static_cast<void>(object.release());
  }
  Ref pop() noexcept {
    Ref last(objects_.back());
    objects_.pop_back();
    return last;
  }
  void shrink(std::size_t size) noexcept {
    while (objects_.size() > size) static_cast<void>(pop());
  }
  /// The caller owns what was above; it is still there to be read until the next push.
  void forget(std::size_t size) noexcept { objects_.resize(size); }

  static constexpr std::size_t kFew = 32;

 private:
  std::pmr::vector<PyObject*> objects_;
};

// All functions that return bool say no where the pickle is not plain.
class PlainUnpickler {
 public:
  explicit PlainUnpickler(std::span<const std::byte> pickle) : in_(pickle) {}

  // Throws PickleError where it ends too early, and std::bad_alloc.
  Ref read() {
    if (in_.opcode() != pickle::kProto || in_.number(1) > pickle::kProtocol) return Ref();
    for (;;) {
      const unsigned char opcode = in_.opcode();
      if (opcode == pickle::kStop) {
        return stack_.size() == 1 && marks_.empty() ? stack_.pop() : Ref();
      }
      if (!follow(opcode)) return Ref();
    }
  }

 private:
  bool follow(unsigned char opcode) {
    switch (opcode) {
      case pickle::kFrame: return in_.expect(in_.number(8)), true;
      case pickle::kNone: return push(Py_NewRef(Py_None));
      case pickle::kNewTrue: return push(Py_NewRef(Py_True));
      case pickle::kNewFalse: return push(Py_NewRef(Py_False));
      case pickle::kBinInt: return push(PyLong_FromLong(in_.signed_number()));
      case pickle::kBinInt1: return push(PyLong_FromLong(static_cast<long>(in_.number(1))));
      case pickle::kBinInt2: return push(PyLong_FromLong(static_cast<long>(in_.number(2))));
      case pickle::kLong1: return push_long();
      case pickle::kBinFloat: return push_real();
      case pickle::kShortBinUnicode: return push_string(in_.number(1));
      case pickle::kBinUnicode: return push_string(in_.number(4));
      case pickle::kShortBinBytes: return push_bytes(in_.number(1));
      case pickle::kBinBytes: return push_bytes(in_.number(4));
      case pickle::kEmptyDict: return push(PyDict_New());
      case pickle::kEmptyList: return push(PyList_New(0));
      case pickle::kEmptyTuple: return push(PyTuple_New(0));
      case pickle::kMark: return marks_.push_back(stack_.size()), true;
      case pickle::kTuple: return take_mark() && push_tuple(above_);
      case pickle::kTuple1: return push_tuple_of(1);
      case pickle::kTuple2: return push_tuple_of(2);
      case pickle::kTuple3: return push_tuple_of(3);
      case pickle::kAppend: return take_last(1, 1) && append();
      case pickle::kAppends: return take_mark() && append();
      case pickle::kSetItem: return take_last(2, 1) && set_items();
      case pickle::kSetItems: return take_mark() && set_items();
      case pickle::kMemoize: return memoize();
      case pickle::kBinGet: return recall(in_.number(1));
      case pickle::kLongBinGet: return recall(in_.number(4));
      default: return false;
    }
  }

  bool push(PyObject* object) {
    if (object == nullptr) return false;
    stack_.push(Ref(object));
    return true;
  }

  bool push_long() {
    const std::uint64_t size = in_.number(1);
    if (size == 0 || size > sizeof(std::uint64_t)) return false;
    const unsigned unused = 64 - 8 * static_cast<unsigned>(size);
    const std::uint64_t bits = in_.number(size) << unused;
    return push(PyLong_FromLongLong(static_cast<std::int64_t>(bits) >> unused));
  }

  bool push_real() {
    std::uint64_t bits = 0;
    for (const std::byte byte : in_.take(8)) bits = bits << 8U | std::to_integer<unsigned>(byte);
    return push(PyFloat_FromDouble(std::bit_cast<double>(bits)));
  }

  bool push_string(std::uint64_t size) {
    const auto bytes = in_.take(size);
    return push(PyUnicode_DecodeUTF8(reinterpret_cast<const char*>(bytes.data()),
                                     static_cast<Py_ssize_t>(bytes.size()), "surrogatepass"));
  }

  bool push_bytes(std::uint64_t size) {
    const auto bytes = in_.take(size);
    return push(PyBytes_FromStringAndSize(reinterpret_cast<const char*>(bytes.data()),
                                          static_cast<Py_ssize_t>(bytes.size())));
  }

  // What stands below the last mark is out of reach.
  [[nodiscard]] std::size_t floor() const noexcept { return marks_.empty() ? 0 : marks_.back(); }

  // `above_` is then where what stands above the mark begins.
  bool take_mark() noexcept {
    if (marks_.empty() || marks_.back() > stack_.size()) return false;
    above_ = marks_.back();
    marks_.pop_back();
    return true;
  }
  // No mark may stand among them, nor above the container that is `below` them.
  bool take_last(std::size_t count, std::size_t below = 0) noexcept {
    if (stack_.size() < floor() + below + count) return false;
    above_ = stack_.size() - count;
    return true;
  }

  bool push_tuple_of(std::size_t count) { return take_last(count) && push_tuple(above_); }
  bool push_tuple(std::size_t from) {
    const std::size_t count = stack_.size() - from;
    PyObject* tuple = PyTuple_New(static_cast<Py_ssize_t>(count));
    if (tuple == nullptr) return false;
    for (std::size_t i = 0; i < count; ++i) {
      PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), stack_[from + i]);
    }
    stack_.forget(from);
    return push(tuple);
  }

  bool append() {
    if (above_ <= floor() || !PyList_CheckExact(stack_[above_ - 1])) return false;
    PyObject* list = stack_[above_ - 1];
    for (std::size_t i = above_; i < stack_.size(); ++i) {
      if (PyList_Append(list, stack_[i]) != 0) return false;
    }
    stack_.shrink(above_);
    return true;
  }

  bool set_items() {
    if (above_ <= floor() || !PyDict_CheckExact(stack_[above_ - 1])) return false;
    if ((stack_.size() - above_) % 2 != 0) return false;
    PyObject* dict = stack_[above_ - 1];
    for (std::size_t i = above_; i < stack_.size(); i += 2) {
      if (PyDict_SetItem(dict, stack_[i], stack_[i + 1]) != 0) return false;
    }
    stack_.shrink(above_);
    return true;
  }

  bool memoize() {
    if (stack_.size() <= floor()) return false;
    memo_.push(Ref(Py_NewRef(stack_[stack_.size() - 1])));
    return true;
  }
  bool recall(std::uint64_t place) { return place < memo_.size() && push(Py_NewRef(memo_[place])); }

  pickle::Reader in_;
  std::array<std::byte, 1024> few_{};
  std::pmr::monotonic_buffer_resource memory_{few_.data(), few_.size()};
  Refs stack_{memory_};
  Refs memo_{memory_};
  std::pmr::vector<std::size_t> marks_{&memory_};
  std::size_t above_ = 0;
};

}  // namespace

PyObject* unpickle_plain(std::span<const std::byte> pickle) noexcept {
  PyObject* object = nullptr;
  try {
    object = PlainUnpickler(pickle).read().release();
  } catch (...) {  // NOLINT(bugprone-empty-catch): it is too short, or there is no memory
  }
  if (object == nullptr) PyErr_Clear();
  return object;
}

}  // namespace shoal::python
