// Several items at a time: put_many and get_many.
#include <Python.h>

#include <algorithm>
#include <deque>
#include <shoal/error.hpp>
#include <vector>

#include "pickler.hpp"
#include "queue.hpp"
#include "unpickler.hpp"

namespace shoal::python {
namespace {

constexpr std::size_t kBatch = 128;
constexpr std::size_t kGathered = 64 * 1024;  // bytes
constexpr std::size_t kLeastRoomForMany = 64 * 1024;
constexpr ring::Patience kWithoutWaiting{.lock = ring::Patience::Lock::kOnce};

// Tells who catches the error that is set what was done before it.
void add_to_error(const char* name, PyObject* value) {
  PyObject* type = nullptr;
  PyObject* error = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &error, &traceback);
  PyErr_NormalizeException(&type, &error, &traceback);
  if (error != nullptr && value != nullptr && PyObject_SetAttrString(error, name, value) != 0) {
    PyErr_Clear();  // an exception that takes no attributes
  }
  PyErr_Restore(type, error, traceback);
}

// Some of what is to be put, pickled, and what the ring is given of it.
class Batch {
 public:
  explicit Batch(channel::QueueCore& queue) noexcept : queue_(queue) {}

  // Pickles from `next` on. False with an error set: what came before it is in the batch.
  bool gather(PyObject* sequence, Py_ssize_t next) {
    std::size_t bytes = 0;
    for (; next < PySequence_Fast_GET_SIZE(sequence); ++next) {
      const Ref object(Py_NewRef(PySequence_Fast_GET_ITEM(sequence, next)));
      Payload& payload = payloads_.emplace_back(queue_);
      if (!payload.set(object.get())) {
        payloads_.pop_back();
        return false;
      }
      bytes += payload.bytes();
      if (payloads_.size() == kBatch || bytes >= kGathered) break;
    }
    return true;
  }

  // False where the deadline passed before all were `sent`, which is right also where it throws.
  bool send(os::Deadline deadline, std::size_t& sent) {
    std::vector<ring::Item> items;
    items.reserve(payloads_.size());
    const WithoutGil other_threads_run;
    for (Payload& payload : payloads_) {
      if (!payload.in_loan()) {
        items.push_back({payload.parts(), payload.encoding(), payload.parcel()});
        continue;
      }
      if (!send_all(items, deadline, sent) || !payload.put(deadline)) return false;
      ++sent;
    }
    return send_all(items, deadline, sent);
  }

 private:
  bool send_all(std::vector<ring::Item>& items, os::Deadline deadline, std::size_t& sent) {
    std::size_t done = 0;
    try {
      const bool in_time = queue_.ring().put_many(items, deadline, done);
      sent += done;
      items.clear();
      return in_time;
    } catch (...) {
      sent += done;
      throw;
    }
  }

  channel::QueueCore& queue_;
  std::deque<Payload> payloads_;  // they do not move
};

// Adds to `put` what was put. False with an error set.
bool put_batches(channel::QueueCore& queue, PyObject* sequence, os::Deadline deadline,
                 std::size_t& put) {
  while (put < static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence))) {
    Batch batch(queue);
    const bool pickled = batch.gather(sequence, static_cast<Py_ssize_t>(put));
    const Ref error(pickled ? nullptr : taken_error());
    std::size_t sent = 0;
    bool in_time = false;
    try {
      in_time = batch.send(deadline, sent);
    } catch (...) {
      raise_current_exception();
      put += sent;
      return false;
    }
    put += sent;
    if (!pickled) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.get())), error.get());
    if (!in_time) raise_full();
    if (!pickled || !in_time) return false;
  }
  return true;
}

// Counts in `put` what was put. False with an error set.
bool put_all(PyObject* self, PyObject* objects, const BlockArguments& how, std::size_t& put) {
  auto* core = open_core_of(self);
  if (core == nullptr) return false;
  try {
    const auto deadline = deadline_from(how.block, how.timeout);
    if (!deadline) return false;
    const Ref sequence(PySequence_Tuple(objects));  // nobody changes that
    return sequence && put_batches(*core, sequence.get(), *deadline, put);
  } catch (...) {
    raise_current_exception();
    return false;
  }
}

// What get_many has, and the first error among it.
class Gathered {
 public:
  Gathered() : list_(PyList_New(0)) {}
  explicit operator bool() const noexcept { return static_cast<bool>(list_); }
  [[nodiscard]] std::size_t size() const noexcept { return taken_; }

  // Takes the reference; nullptr with an error set: an item that could not be unpickled.
  void add(PyObject* object) {
    ++taken_;
    const Ref item(object);
    if (!item || PyList_Append(list_.get(), item.get()) != 0) keep_error();
  }
  void keep_error() {
    if (error_) {
      PyErr_Clear();
    } else {
      error_ = Ref(taken_error());
    }
  }

  PyObject* result() {
    if (!error_) return list_.release();
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error_.get())), error_.get());
    add_to_error("items", list_.get());
    return nullptr;
  }

 private:
  Ref list_;
  Ref error_;
  std::size_t taken_ = 0;
};

// Adds what one hold of the lock gives, and waits for it only where nothing was gathered before.
// False where that is nothing, or with an error set.
bool get_batch(const From& from, std::size_t most, os::Deadline deadline, Gathered& gathered) {
  ring::Ring& ring = from.queue->ring();
  const bool first = gathered.size() == 0;
  Room room;
  room.widen(std::max(room.all().size(), kLeastRoomForMany));
  std::vector<ring::Slice> slices;
  ring::Get result{};
  {
    const WithoutGil other_threads_run;
    result = first ? ring.get_many(room.all(), most, slices, deadline)
                   : ring.try_get_many(room.all(), most, slices, kWithoutWaiting);
  }
  if (result == ring::Get::kTooSmall || result == ring::Get::kAlone) {
    bool taken = false;
    PyObject* one = first ? get_from(from, deadline, taken) : get_next_from(from, taken);
    if (taken) gathered.add(one);
    return taken;
  }
  for (const auto& slice : slices) {
    ring::Record record{.bytes = slice.bytes, .encoding = slice.encoding};
    gathered.add(object_from(room.all().subspan(slice.offset, slice.bytes), record));
  }
  return !slices.empty();
}

// What was there when the first came: producers may be as quick as this is. An error is left for
// the next call to find again, as these items are taken; but not an interruption: it comes once.
void get_rest(const From& from, std::size_t most, Gathered& gathered) {
  try {
    const std::size_t there = gathered.size() + from.queue->ring().items();
    const std::size_t limit = std::min(most, there);
    while (gathered.size() < limit &&
           get_batch(from, limit - gathered.size(), os::Deadline::now(), gathered)) {
    }
  } catch (const Interrupted&) {
    raise_current_exception();
    gathered.keep_error();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
  PyErr_Clear();
}

}  // namespace

PyObject* queue_put_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  BlockArguments parsed;
  PyObject* objects = nullptr;
  if (!parse_block("put_many", args, count, names, &objects, parsed, "objs")) return nullptr;
  std::size_t put = 0;
  if (put_all(self, objects, parsed, put)) Py_RETURN_NONE;
  const Ref so_many(PyLong_FromSize_t(put));
  add_to_error("items_put", so_many.get());
  return nullptr;
}

PyObject* queue_get_many(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  BlockArguments parsed;
  PyObject* number = nullptr;
  if (!parse_block("get_many", args, count, names, &number, parsed, "max")) return nullptr;
  const Py_ssize_t most = PyNumber_AsSsize_t(number, PyExc_OverflowError);
  if (most == -1 && PyErr_Occurred() != nullptr) return nullptr;
  if (most < 1) {
    PyErr_Format(PyExc_ValueError, "get_many() takes at least 1 item, not %zd", most);
    return nullptr;
  }
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(parsed.block, parsed.timeout);
    if (!deadline) return nullptr;
    Gathered gathered;
    if (!gathered) return nullptr;
    const From from{queue_of(self)};
    auto limit = static_cast<std::size_t>(most);
    if (get_batch(from, limit, *deadline, gathered)) get_rest(from, limit, gathered);
    if (gathered.size() != 0) return gathered.result();
    return PyErr_Occurred() != nullptr ? nullptr : raise_empty();
  } catch (...) {
    return raise_current_exception();
  }
}

}  // namespace shoal::python
