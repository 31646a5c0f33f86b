// Between Python objects and records: the commonest types at once, the rest by Python's pickler.
#pragma once

#include <Python.h>

#include <array>
#include <cstddef>
#include <shoal/object.hpp>
#include <span>
#include <vector>

#include "python.hpp"
#include "ring/ring.hpp"

namespace shoal::python {

/// A record's payload in up to three parts, and what keeps them alive. Built and used with the
/// interpreter's lock held; the parts stay readable without it.
class Payload {
 public:
  Payload();
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;
  ~Payload();

  /// False with a Python error set: the object cannot be pickled.
  bool set(PyObject* object);

  [[nodiscard]] std::span<const std::span<const std::byte>> parts() const noexcept {
    return {parts_.data(), count_};
  }
  [[nodiscard]] ring::Encoding encoding() const noexcept { return encoding_; }
  /// The descriptors that go with it, or nullptr.
  [[nodiscard]] ring::Parcel* parcel() noexcept {
    return encoding_ == ring::Encoding::kParcel ? &parcel_ : nullptr;
  }
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  bool set_integer(PyObject* object);
  bool set_string(PyObject* object);
  void set_bytes(PyObject* object);
  bool set_array(PyObject* object);
  bool set_pickled(PyObject* object);
  bool set_buffer(PyObject* pickled, std::size_t part);
  bool set_parcel(PyObject* pickled);
  void number(ring::Encoding encoding, const void* value) noexcept;
  void short_pickle(unsigned char opcode) noexcept;
  void wrapped(Kind kind, const void* data, std::size_t size, PyObject* owner) noexcept;

  std::array<unsigned char, 16> prefix_{};
  std::array<std::span<const std::byte>, 3> parts_{};
  std::size_t count_ = 0;
  ring::Encoding encoding_ = ring::Encoding::kPickle;
  Ref owner_;
  Py_buffer buffer_{};
  bool has_buffer_ = false;
  std::vector<int> fds_;  // of the handles in it, which owner_ keeps
  ring::Parcel parcel_;
};

/// The object that a record's bytes stand for: a new reference, or nullptr with an error set, also
/// where memory runs out, as the item was taken. Takes the descriptors of the record.
PyObject* object_from(std::span<const std::byte> bytes, ring::Record& record) noexcept;

/// _unship(index): a descriptor of the caller's own, of the item that this thread is unpickling.
PyObject* unship(PyObject* module, PyObject* index);

/// Finds Python's unpickler. False with an error set.
bool find_unpickler();

}  // namespace shoal::python
