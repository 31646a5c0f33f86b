// From Python objects to records: the commonest types at once, the rest by Python's pickler.
#pragma once

#include <Python.h>

#include <array>
#include <cstddef>
#include <deque>
#include <optional>
#include <shoal/buffer.hpp>
#include <shoal/object.hpp>
#include <span>
#include <vector>

#include "channel/loan.hpp"
#include "extent.hpp"
#include "pickle/bundle.hpp"
#include "python.hpp"
#include "ring/ring.hpp"

namespace shoal::python {

/// A record's payload in parts, and what keeps them alive. Built and used with the interpreter's
/// lock held; the parts stay readable without it.
class Payload {
 public:
  /// For that queue: what stands in a loan of it is not copied.
  explicit Payload(channel::QueueCore& queue) noexcept : queue_(queue) {}
  Payload(const Payload&) = delete;
  Payload& operator=(const Payload&) = delete;
  ~Payload();

  /// False with a Python error set: the object cannot be pickled.
  bool set(PyObject* object);

  /// None where it stands in a loan.
  [[nodiscard]] std::span<const std::span<const std::byte>> parts() const noexcept {
    return parts_;
  }
  [[nodiscard]] ring::Encoding encoding() const noexcept { return encoding_; }
  /// The descriptors that go with it, or nullptr.
  [[nodiscard]] ring::Parcel* parcel() noexcept {
    return is_parcel(encoding_) ? &parcel_ : nullptr;
  }
  [[nodiscard]] std::size_t bytes() const noexcept;
  [[nodiscard]] bool in_loan() const noexcept { return static_cast<bool>(loan_); }

  /// Gives back what it holds of the object, and the loan where it was not put. What it says of
  /// itself stays.
  void release() noexcept;
  /// Puts it, once. False where the deadline passed. Without the interpreter's lock.
  bool put(os::Deadline deadline);

 private:
  bool set_integer(PyObject* object);
  bool set_string(PyObject* object);
  void set_bytes(PyObject* object);
  bool set_array(PyObject* object);
  bool set_loan(PyObject* object);
  bool set_plain(PyObject* object);
  bool set_pickled(PyObject* object);
  std::optional<std::span<const std::byte>> hold(PyObject* object, int flags = PyBUF_SIMPLE);
  bool hold_all(PyObject* objects);
  bool hold_descriptors(PyObject* fds);
  void set_parts(std::span<const std::byte> pickle);
  void bundle(std::span<const std::byte> pickle);
  bool put_into_loan(PyLoan& loan, std::span<const std::byte> pickle);
  void number(ring::Encoding encoding, const void* value) noexcept;
  void short_pickle(unsigned char opcode) noexcept;
  void wrapped(Kind kind, const void* data, std::size_t size, PyObject* owner) noexcept;

  channel::QueueCore& queue_;
  std::array<unsigned char, 16> prefix_{};
  std::array<std::span<const std::byte>, 3> few_{};
  std::vector<std::span<const std::byte>> many_;
  std::span<const std::span<const std::byte>> parts_;  // of one of the two
  ring::Encoding encoding_ = ring::Encoding::kPickle;
  ByteBuffer plain_;
  Ref owner_;
  std::deque<Py_buffer> held_;  // they do not move, as they may point into themselves
  std::vector<std::span<const std::byte>> buffers_;
  std::optional<pickle::BundleParts> bundle_;
  std::vector<int> fds_;  // of the handles in it, which owner_ keeps
  ring::Parcel parcel_;
  channel::LoanCore loan_;  // of owner_, to which it goes back where it is not put
  std::uint64_t loan_bytes_ = 0;
  bool has_loan_ = false;
};

}  // namespace shoal::python
