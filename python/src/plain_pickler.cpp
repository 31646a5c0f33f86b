#include "plain_pickler.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <shoal/pickle.hpp>
#include <span>
#include <string_view>
#include <vector>

#include "pickle/opcodes.hpp"

namespace shoal::python {
namespace {

constexpr int kDeepest = 100;
// Items of a container that are taken from the reader's stack together, so that it stays small.
constexpr Py_ssize_t kAtOnce = 1000;

// Where what may come again was written: an open hash table from objects to places in the memo.
class Memo {
 public:
  [[nodiscard]] std::optional<std::uint32_t> find(const PyObject* object) const noexcept {
    const Slot& slot = slots_[index_of(object, slots_)];
    return slot.object == nullptr ? std::nullopt : std::optional(slot.place);
  }
  void add(const PyObject* object) {
    if (count_ >= slots_.size() / 2) grow();
    slots_[index_of(object, slots_)] = {object, count_++};
  }

 private:
  struct Slot {
    const PyObject* object = nullptr;
    std::uint32_t place = 0;
  };

  // Where it is, or may be put.
  static std::size_t index_of(const PyObject* object, std::span<const Slot> slots) noexcept {
    const std::size_t mask = slots.size() - 1;
    std::size_t index = reinterpret_cast<std::uintptr_t>(object) * kGolden >> 32U;
    while (slots[index & mask].object != nullptr && slots[index & mask].object != object) ++index;
    return index & mask;
  }

  void grow() {
    std::vector<Slot> larger(slots_.size() * 4);
    for (const Slot& slot : slots_) {
      if (slot.object != nullptr) larger[index_of(slot.object, larger)] = slot;
    }
    many_.swap(larger);
    slots_ = many_;
  }

  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;

  std::array<Slot, 32> few_{};
  std::vector<Slot> many_;
  std::span<Slot> slots_ = few_;  // one of the two
  std::uint32_t count_ = 0;
};

class PlainPickler {
 public:
  explicit PlainPickler(ByteBuffer& out) : out_(out), encoder_(out) {}

  bool pickle(PyObject* object) {
    if (!write(object)) return false;
    encoder_.finish();
    return true;
  }

 private:
  bool write(PyObject* object) {
    if (out_.size() > kMostPlain) return false;
    PyTypeObject* type = Py_TYPE(object);
    if (type == &PyUnicode_Type) return write_string(object);
    if (type == &PyLong_Type) return write_integer(object);
    if (type == &PyFloat_Type) return encoder_.real(PyFloat_AS_DOUBLE(object)), true;
    if (type == &PyBool_Type) return encoder_.boolean(object == Py_True), true;
    if (object == Py_None) return encoder_.none(), true;
    if (type == &PyBytes_Type) return write_bytes(object);
    if (!may_be_plain(object) || ++depth_ > kDeepest) return false;
    const bool done = type == &PyDict_Type   ? write_dict(object)
                      : type == &PyList_Type ? write_list(object)
                                             : write_tuple(object);
    --depth_;
    return done;
  }

  bool write_integer(PyObject* object) {
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow != 0) return false;
    encoder_.integer(value);
    return true;
  }

  // A string with lone surrogates has no UTF-8.
  bool write_string(PyObject* object) {
    if (recall(object)) return true;
    Py_ssize_t size = 0;
    const char* data = PyUnicode_AsUTF8AndSize(object, &size);
    if (data == nullptr) {
      PyErr_Clear();
      return false;
    }
    const std::string_view text(data, static_cast<std::size_t>(size));
    encoder_.str(text);
    memoize(object);
    return true;
  }

  bool write_bytes(PyObject* object) {
    if (recall(object)) return true;
    const auto* data = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(object));
    encoder_.bytes({data, static_cast<std::size_t>(PyBytes_GET_SIZE(object))});
    memoize(object);
    return true;
  }

  bool write_dict(PyObject* dict) {
    if (recall(dict)) return true;
    put(pickle::kEmptyDict);
    memoize(dict);
    Py_ssize_t position = 0;
    PyObject *key = nullptr, *value = nullptr;
    for (Py_ssize_t left = PyDict_GET_SIZE(dict); left > 0; left -= kAtOnce) {
      put(pickle::kMark);
      for (Py_ssize_t i = 0; i < std::min(left, kAtOnce); ++i) {
        if (PyDict_Next(dict, &position, &key, &value) == 0) return false;
        if (!write(key) || !write(value)) return false;
      }
      put(pickle::kSetItems);
    }
    return true;
  }

  bool write_list(PyObject* list) {
    if (recall(list)) return true;
    put(pickle::kEmptyList);
    memoize(list);
    const Py_ssize_t size = PyList_GET_SIZE(list);
    for (Py_ssize_t begin = 0; begin < size; begin += kAtOnce) {
      put(pickle::kMark);
      for (Py_ssize_t i = begin; i < std::min(size, begin + kAtOnce); ++i) {
        if (!write(PyList_GET_ITEM(list, i))) return false;
      }
      put(pickle::kAppends);
    }
    return true;
  }

  // It can be referred to only after its items: one that leads back to itself has been written, and
  // memoized, among them, or is nested without an end.
  bool write_tuple(PyObject* tuple) {
    const Py_ssize_t size = PyTuple_GET_SIZE(tuple);
    if (size == 0) return put(pickle::kEmptyTuple), true;
    if (recall(tuple)) return true;
    if (size > 3) put(pickle::kMark);
    for (Py_ssize_t i = 0; i < size; ++i) {
      if (!write(PyTuple_GET_ITEM(tuple, i))) return false;
    }
    if (Py_REFCNT(tuple) != 1 && memo_.find(tuple)) return false;
    put(size > 3 ? pickle::kTuple : static_cast<pickle::Op>(pickle::kTuple1 + size - 1));
    memoize(tuple);
    return true;
  }

  // Writes that it is one from before. Who has one reference, that of its container, was not; but
  // for the names of attributes, where several objects have one table of them: these come twice
  // then.
  bool recall(const PyObject* object) {
    const auto place = Py_REFCNT(object) == 1 ? std::nullopt : memo_.find(object);
    if (!place) return false;
    const auto bytes = std::as_bytes(std::span(&*place, 1));
    put(*place <= 0xff ? pickle::kBinGet : pickle::kLongBinGet);
    out_.append(bytes.first(*place <= 0xff ? 1 : 4));
    return true;
  }
  void memoize(const PyObject* object) {
    if (Py_REFCNT(object) == 1) return;
    put(pickle::kMemoize);
    memo_.add(object);
  }
  void put(pickle::Op opcode) { out_.push_back(static_cast<std::byte>(opcode)); }

  ByteBuffer& out_;
  pickle::Encoder encoder_;
  Memo memo_;
  int depth_ = 0;
};

}  // namespace

bool pickle_plain(PyObject* object, ByteBuffer& into) { return PlainPickler(into).pickle(object); }

}  // namespace shoal::python
