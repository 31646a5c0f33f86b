// What the files of shoal._core.Queue share: queue.cpp the type, queue_put.cpp, queue_get.cpp, and
// queue_batches.cpp several items at a time.
#pragma once

#include <Python.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <shoal/buffer.hpp>
#include <span>

#include "channel/queue_core.hpp"
#include "python.hpp"

namespace shoal::python {

/// Larger items are copied without the interpreter's lock.
constexpr std::size_t kCopyWithGil = 64 * 1024;

struct PyQueue {
  PyObject_HEAD std::shared_ptr<channel::QueueCore> core;
};

/// nullptr with ValueError set where it was never initialised.
inline channel::QueueCore* core_of(PyObject* self) {
  auto* core = reinterpret_cast<PyQueue*>(self)->core.get();
  if (core == nullptr) PyErr_SetString(PyExc_ValueError, "this queue was never initialised");
  return core;
}

/// nullptr with ValueError set where that is so, or it is closed.
inline channel::QueueCore* open_core_of(PyObject* self) {
  auto* core = core_of(self);
  if (core == nullptr || !core->closed()) [[likely]]
    return core;
  PyErr_Format(PyExc_ValueError, "Queue %R is closed", self);
  return nullptr;
}

/// Finds queue.Empty and queue.Full. False with an error set.
bool find_queue_errors();
/// Sets them. nullptr.
PyObject* raise_empty();
PyObject* raise_full();

/// Where items come to: a thread's buffer, used again and again; a fresh one while unpickling runs
/// code that gets, too.
class Room {
 public:
  Room();
  ~Room();
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  [[nodiscard]] std::span<std::byte> all() noexcept { return {buffer().data(), buffer().size()}; }
  void widen(std::size_t size) { buffer().resize_uninitialized(size); }

 private:
  struct OfThread;
  static OfThread& of_thread() noexcept;
  ByteBuffer& buffer() noexcept { return borrowed_ == nullptr ? own_ : *borrowed_; }
  ByteBuffer* borrowed_;  // looked up once: a thread_local of a module is a function call away
  ByteBuffer own_;
};

/// What is taken from, and whether buffers of large items stay where they stand.
struct From {
  const std::shared_ptr<channel::QueueCore>& queue;
  bool in_place = false;
};
inline const std::shared_ptr<channel::QueueCore>& queue_of(PyObject* self) noexcept {
  return reinterpret_cast<PyQueue*>(self)->core;
}
/// The oldest item; nullptr without an error set where there is none. `taken` says whether an item
/// was: what is thrown was thrown before.
PyObject* get_from(const From& from, os::Deadline deadline, bool& taken);
/// The same, and how often it was delivered.
PyObject* get_from(const From& from, os::Deadline deadline, bool& taken, std::uint32_t& deliveries);
/// The same for who has taken something before: waits for nothing, not even the consumers' lock.
PyObject* get_next_from(const From& from, bool& taken);

/// Methods, documented where the type is (queue.cpp).
PyObject* queue_put(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* queue_put_nowait(PyObject* self, PyObject* const* args, Py_ssize_t count,
                           PyObject* names);
PyObject* queue_prepare(PyObject* self, PyObject* object);
PyObject* queue_put_prepared(PyObject* self, PyObject* prepared);
PyObject* queue_poll_room(PyObject* self, PyObject* args);
PyObject* queue_drop(PyObject* self, PyObject* prepared);
PyObject* queue_get(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* queue_get_nowait(PyObject* self, PyObject*);
PyObject* queue_get_or(PyObject* self, PyObject* args);
PyObject* queue_get_delivery(PyObject* self, PyObject* const* args, Py_ssize_t count,
                             PyObject* names);
PyObject* queue_put_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);
PyObject* queue_get_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names);

}  // namespace shoal::python
