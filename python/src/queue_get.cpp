// Taking one item: get, get_nowait, and half of get_async.
#include <Python.h>

#include <algorithm>
#include <array>
#include <shoal/buffer.hpp>
#include <utility>
#include <vector>

#include "pickle/wrapped.hpp"
#include "queue.hpp"
#include "unpickler.hpp"

namespace shoal::python {

struct Room::OfThread {
  ByteBuffer buffer;
  bool in_use = false;
};

Room::OfThread& Room::of_thread() noexcept {
  thread_local OfThread room;
  return room;
}

namespace {

constexpr std::size_t kLeastRoom = 4096;
constexpr std::size_t kMostKept = 64U << 20U;

// A large bytes object that is next in the queue, made beforehand, so that its content is copied
// once, straight from the queue to where it stays.
class LargeBytes {
 public:
  // Empty where the next record is no large bytes object.
  explicit LargeBytes(const ring::Record& record)
      : size_(record.bytes > kCopyWithGil && record.encoding == ring::Encoding::kPickle
                  ? pickle::wrapped_size(Kind::bytes, record.start, record.bytes)
                  : 0) {
    if (size_ != 0) object_ = Ref(PyBytes_FromStringAndSize(nullptr, ssize()));
  }
  explicit operator bool() const noexcept { return static_cast<bool>(object_); }

  // The pickle's prefix goes to the side, its STOP where the object's last zero byte belongs.
  [[nodiscard]] ring::Room room() noexcept {
    return {prefix_, {reinterpret_cast<std::byte*>(PyBytes_AS_STRING(object_.get())), size_ + 1}};
  }

  // The object, if it is what came: another consumer may have taken the one that was announced.
  // nullptr with an error set.
  PyObject* take(ring::Record& record) noexcept {
    if (record.encoding != ring::Encoding::kPickle ||
        pickle::wrapped_size(Kind::bytes, prefix_, record.bytes) != size_) {
      return other(record);
    }
    PyBytes_AS_STRING(object_.get())[size_] = '\0';
    return object_.release();
  }

 private:
  [[nodiscard]] Py_ssize_t ssize() const noexcept { return static_cast<Py_ssize_t>(size_); }

  PyObject* other(ring::Record& record) noexcept {
    try {
      return object_from(joined(record.bytes), record);
    } catch (...) {
      return raise_current_exception();
    }
  }

  std::span<const std::byte> joined(std::size_t bytes) {
    joined_.clear();
    joined_.append(std::span<const std::byte>(prefix_).first(std::min(bytes, prefix_.size())));
    if (bytes > prefix_.size()) {
      const auto* rest = reinterpret_cast<const std::byte*>(PyBytes_AS_STRING(object_.get()));
      joined_.append(std::span(rest, bytes - prefix_.size()));
    }
    return joined_.view();
  }

  std::size_t size_;
  Ref object_;
  std::array<std::byte, pickle::kLongPrefix> prefix_{};
  ByteBuffer joined_;
};

ring::Get wait_for_record(ring::Ring& ring, const ring::Room& room, ring::Record& record,
                          os::Deadline deadline) {
  const WithoutGil other_threads_run;
  return ring.get(room, record, deadline);
}

// All of it, and what stands in an extent is not to be copied there.
ring::Room wide(Room& room) noexcept {
  ring::Room all(room.all());
  all.in_place = true;
  return all;
}

// Takes what `ask` gives, which is asked again with more room where there was too little. No C++
// exception once an item is `taken`.
template <class Ask>
PyObject* take(const From& from, Room& room, ring::Get result, ring::Record& record, bool& taken,
               Ask ask) {
  while (result == ring::Get::kTooSmall) {
    if (LargeBytes large(record); large) {
      result = ask(large.room());
      taken = result == ring::Get::kDone;
      if (taken) return large.take(record);
      continue;
    }
    if (PyErr_Occurred() != nullptr) return nullptr;  // no memory for it: it is still there
    room.widen(record.bytes);
    result = ask(wide(room));
  }
  taken = result == ring::Get::kDone;
  if (!taken) return nullptr;
  // From here on nothing but its own unpickling may fail.
  if (record.content) return object_from_content(record, from.queue, from.in_place);
  return object_from(room.all().first(record.bytes), record);
}

PyObject* get_object(PyObject* self, bool block, PyObject* timeout, bool copy = true) {
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(block, timeout);
    if (!deadline) return nullptr;
    bool taken = false;
    PyObject* object = get_from({queue_of(self), !copy}, *deadline, taken);
    return object != nullptr || PyErr_Occurred() != nullptr ? object : raise_empty();
  } catch (...) {
    return raise_current_exception();
  }
}

// (block=True, timeout=None, *, copy=True)
bool parse_get(PyObject* const* args, Py_ssize_t count, PyObject* names, BlockArguments& parsed,
               bool& copy) {
  std::vector<PyObject*> rest(args, args + count);
  const Ref others(PyList_New(0));
  if (!others) return false;
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  for (Py_ssize_t i = 0; i < named; ++i) {
    PyObject* name = PyTuple_GET_ITEM(names, i);
    PyObject* value = args[count + i];
    if (PyUnicode_CompareWithASCIIString(name, "copy") != 0) {
      rest.push_back(value);
      if (PyList_Append(others.get(), name) != 0) return false;
      continue;
    }
    const int truth = PyObject_IsTrue(value);
    if (truth < 0) return false;
    copy = truth != 0;
  }
  const Ref other_names(PyList_AsTuple(others.get()));
  return other_names && parse_block("get", rest.data(), count, other_names.get(), nullptr, parsed);
}

}  // namespace

Room::Room() : borrowed_(nullptr) {
  OfThread& room = of_thread();
  if (!std::exchange(room.in_use, true)) borrowed_ = &room.buffer;
  ByteBuffer& bytes = buffer();
  bytes.resize_uninitialized(std::max(bytes.capacity(), kLeastRoom));
}

Room::~Room() {
  if (borrowed_ == nullptr) return;
  if (borrowed_->capacity() > kMostKept) *borrowed_ = ByteBuffer();
  of_thread().in_use = false;
}

PyObject* get_from(const From& from, os::Deadline deadline, bool& taken) {
  ring::Ring& ring = from.queue->ring();
  Room room;
  taken = false;
  ring::Record record;
  auto result = ring.try_get(wide(room), record, {.lock = ring::Patience::Lock::kTry});
  const bool is_empty = result == ring::Get::kEmpty;
  if (result == ring::Get::kBusy || result == ring::Get::kShut ||
      (is_empty && !deadline.is_now())) {
    result = wait_for_record(ring, wide(room), record, deadline);
  }
  return take(from, room, result, record, taken, [&](const ring::Room& into) {
    return wait_for_record(ring, into, record, deadline);
  });
}

PyObject* get_next_from(const From& from, bool& taken) {
  ring::Ring& ring = from.queue->ring();
  Room room;
  taken = false;
  ring::Record record;
  const auto ask = [&](const ring::Room& into) {
    const WithoutGil other_threads_run;
    return ring.try_get(into, record, {.lock = ring::Patience::Lock::kOnce});
  };
  return take(from, room, ask(wide(room)), record, taken, ask);
}

PyObject* queue_get(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  BlockArguments parsed;
  bool copy = true;
  if ((count != 0 || names != nullptr) && !parse_get(args, count, names, parsed, copy)) {
    return nullptr;
  }
  return get_object(self, parsed.block, parsed.timeout, copy);
}

PyObject* queue_get_nowait(PyObject* self, PyObject*) { return get_object(self, false, nullptr); }

// _get_or(default, copy): the oldest item, or `default` where there is none.
PyObject* queue_get_or(PyObject* self, PyObject* args) {
  PyObject* otherwise = nullptr;
  int copy = 1;
  if (PyArg_ParseTuple(args, "Op", &otherwise, &copy) == 0) return nullptr;
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    bool taken = false;
    PyObject* object = get_from({queue_of(self), copy == 0}, os::Deadline::now(), taken);
    return object != nullptr || PyErr_Occurred() != nullptr ? object : Py_NewRef(otherwise);
  } catch (...) {
    return raise_current_exception();
  }
}
}  // namespace shoal::python
