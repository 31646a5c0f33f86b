// shoal._core.Queue: a plain C type, as put and get are where the time goes.
#include <Python.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <new>
#include <shoal/buffer.hpp>
#include <shoal/error.hpp>
#include <vector>

#include "channel/queue_core.hpp"
#include "pickle/wrapped.hpp"
#include "pickler.hpp"
#include "python.hpp"

namespace shoal::python {
namespace {

// Larger items are copied without the interpreter's lock.
constexpr std::size_t kCopyWithGil = 64 * 1024;
constexpr std::size_t kLeastRoom = 4096;
constexpr std::size_t kMostKept = 64U << 20U;

PyObject* empty_error = nullptr;  // queue.Empty
PyObject* full_error = nullptr;   // queue.Full

struct PyQueue {
  PyObject_HEAD std::shared_ptr<channel::QueueCore> core;
};

channel::QueueCore* core_of(PyObject* self) {
  auto* core = reinterpret_cast<PyQueue*>(self)->core.get();
  if (core == nullptr) PyErr_SetString(PyExc_ValueError, "this queue was never initialised");
  return core;
}

channel::QueueCore* open_core_of(PyObject* self) {
  auto* core = core_of(self);
  if (core == nullptr || !core->closed()) [[likely]]
    return core;
  PyErr_Format(PyExc_ValueError, "Queue %R is closed", self);
  return nullptr;
}

// Sets the queue's core, once: calls on the way (pickling runs anybody's code) rely on it to stay.
template <class Make>
bool initialise(PyObject* self, Make make) {
  auto& core = reinterpret_cast<PyQueue*>(self)->core;
  if (core != nullptr) {
    PyErr_SetString(PyExc_RuntimeError, "this queue is already initialised");
    return false;
  }
  try {
    core = make();
    return true;
  } catch (...) {
    raise_current_exception();
    return false;
  }
}

PyObject* queue_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self != nullptr) {
    new (&reinterpret_cast<PyQueue*>(self)->core) std::shared_ptr<channel::QueueCore>;
  }
  return self;
}

int queue_init(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"maxsize", "name", "joinable", "max_bytes", nullptr};
  Py_ssize_t maxsize = 0;
  const char* name = nullptr;
  int joinable = 0;
  Py_ssize_t max_bytes = 0;
  if (PyArg_ParseTupleAndKeywords(args, named, "|nzpn", const_cast<char**>(keywords), &maxsize,
                                  &name, &joinable, &max_bytes) == 0) {
    return -1;
  }
  const auto limit = [](Py_ssize_t most) {
    return most <= 0 ? 0 : static_cast<std::uint64_t>(most);
  };
  const ring::Options options{
      .max_items = limit(maxsize),
      .joinable = joinable != 0,
      .max_bytes = limit(max_bytes),
  };
  const bool done = initialise(self, [&] {
    return name == nullptr ? channel::QueueCore::create(options)
                           : channel::QueueCore::create(options, name);
  });
  return done ? 0 : -1;
}

void queue_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  reinterpret_cast<PyQueue*>(self)->core.~shared_ptr();
  type->tp_free(self);
  Py_DECREF(type);
}

// ------------------------------------------------------------------ put

PyObject* put_slowly(ring::Ring& ring, Payload& payload, os::Deadline deadline) {
  bool done = false;
  {
    const WithoutGil other_threads_run;
    done = ring.put(payload.parts(), payload.encoding(), deadline, payload.parcel());
  }
  if (done) Py_RETURN_NONE;
  PyErr_SetNone(full_error);
  return nullptr;
}

PyObject* put_object(PyObject* self, PyObject* object, bool block, PyObject* timeout) {
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(block, timeout);
    if (!deadline) return nullptr;
    Payload payload;  // user code may run here, with no shared lock held
    if (!payload.set(object)) return nullptr;
    ring::Ring& ring = core->ring();
    if (payload.bytes() <= kCopyWithGil) [[likely]] {
      constexpr ring::Patience kAtOnce{.lock = ring::Patience::Lock::kTry,
                                       .room = ring::Patience::Room::kLeaveToConsumers};
      const auto result =
          ring.try_put(payload.parts(), payload.encoding(), kAtOnce, payload.parcel());
      if (result == ring::Put::kDone) [[likely]]
        Py_RETURN_NONE;
    }
    return put_slowly(ring, payload, *deadline);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_put(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  if (count == 1 && names == nullptr) [[likely]]
    return put_object(self, args[0], true, nullptr);
  PyObject* object = nullptr;
  BlockArguments parsed;
  if (!parse_block("put", args, count, names, &object, parsed)) return nullptr;
  return put_object(self, object, parsed.block, parsed.timeout);
}

PyObject* queue_put_nowait(PyObject* self, PyObject* const* args, Py_ssize_t count,
                           PyObject* names) {
  const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
  const bool is_obj =
      named == 0 || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, 0), "obj") == 0;
  if (count + named != 1 || !is_obj) {
    PyErr_SetString(PyExc_TypeError, "put_nowait() takes one argument: 'obj'");
    return nullptr;
  }
  return put_object(self, args[0], false, nullptr);
}

// _prepare(obj): what is put of it, for _put_prepared.
PyObject* queue_prepare(PyObject* self, PyObject* object) {
  if (open_core_of(self) == nullptr) return nullptr;
  try {
    auto payload = std::make_unique<Payload>();
    if (!payload->set(object)) return nullptr;
    PyObject* capsule = PyCapsule_New(payload.get(), nullptr, [](PyObject* of) {
      delete static_cast<Payload*>(PyCapsule_GetPointer(of, nullptr));
    });
    if (capsule == nullptr) return nullptr;
    [[maybe_unused]] const Payload* its = payload.release();
    return capsule;
  } catch (...) {
    return raise_current_exception();
  }
}

// _put_prepared(prepared): False where the queue is full.
PyObject* queue_put_prepared(PyObject* self, PyObject* prepared) {
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  auto* payload = static_cast<Payload*>(PyCapsule_GetPointer(prepared, nullptr));
  if (payload == nullptr) return nullptr;
  try {
    bool done = false;
    {
      const WithoutGil other_threads_run;
      done = core->ring().put(payload->parts(), payload->encoding(), os::Deadline::now(),
                              payload->parcel());
    }
    return PyBool_FromLong(done ? 1 : 0);
  } catch (...) {
    return raise_current_exception();
  }
}

// ------------------------------------------------------------------ get

// A thread's buffer, used again and again; a fresh one while unpickling runs code that gets, too.
struct ThreadBuffer {
  ByteBuffer buffer;
  bool in_use = false;
};
thread_local ThreadBuffer thread_buffer;

class Room {
 public:
  Room() : thread_(thread_buffer), borrowed_(!std::exchange(thread_.in_use, true)) {
    ByteBuffer& bytes = buffer();
    bytes.resize_uninitialized(std::max(bytes.capacity(), kLeastRoom));
  }
  ~Room() {
    if (!borrowed_) return;
    thread_.in_use = false;
    if (thread_.buffer.capacity() > kMostKept) thread_.buffer = ByteBuffer();
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  [[nodiscard]] std::span<std::byte> all() noexcept { return {buffer().data(), buffer().size()}; }
  void widen(std::size_t size) { buffer().resize_uninitialized(size); }

 private:
  ByteBuffer& buffer() noexcept { return borrowed_ ? thread_.buffer : own_; }
  ThreadBuffer& thread_;  // looked up once: a thread_local of a module is a function call away
  bool borrowed_;
  ByteBuffer own_;
};

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
  PyObject* take(ring::Record& record) {
    if (record.encoding != ring::Encoding::kPickle ||
        pickle::wrapped_size(Kind::bytes, prefix_, record.bytes) != size_) {
      return object_from(joined(record.bytes), record);
    }
    PyBytes_AS_STRING(object_.get())[size_] = '\0';
    return object_.release();
  }

 private:
  [[nodiscard]] Py_ssize_t ssize() const noexcept { return static_cast<Py_ssize_t>(size_); }

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

PyObject* empty() {
  PyErr_SetNone(empty_error);
  return nullptr;
}

ring::Get wait_for_record(ring::Ring& ring, const ring::Room& room, ring::Record& record,
                          os::Deadline deadline) {
  const WithoutGil other_threads_run;
  return ring.get(room, record, deadline);
}

// nullptr without an error set where it is empty. `taken` says whether an item was.
PyObject* get_from(ring::Ring& ring, os::Deadline deadline, bool& taken) {
  Room room;
  taken = false;
  ring::Record record;
  auto result = ring.try_get(room.all(), record, {.lock = ring::Patience::Lock::kTry});
  const bool is_empty = result == ring::Get::kEmpty;
  if (result == ring::Get::kBusy || result == ring::Get::kShut ||
      (is_empty && !deadline.is_now())) {
    result = wait_for_record(ring, room.all(), record, deadline);
  }
  while (result == ring::Get::kTooSmall) {
    if (LargeBytes large(record); large) {
      result = wait_for_record(ring, large.room(), record, deadline);
      taken = result == ring::Get::kDone;
      if (taken) return large.take(record);
      continue;
    }
    if (PyErr_Occurred() != nullptr) return nullptr;  // no memory for it: it is still there
    room.widen(record.bytes);
    result = wait_for_record(ring, room.all(), record, deadline);
  }
  taken = result == ring::Get::kDone;
  if (!taken) return nullptr;
  // From here on nothing but its own unpickling may fail.
  return object_from(room.all().first(record.bytes), record);
}

PyObject* get_object(PyObject* self, bool block, PyObject* timeout) {
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    const auto deadline = deadline_from(block, timeout);
    if (!deadline) return nullptr;
    bool taken = false;
    PyObject* object = get_from(core->ring(), *deadline, taken);
    return object != nullptr || PyErr_Occurred() != nullptr ? object : empty();
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_get(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* names) {
  BlockArguments parsed;
  if ((count != 0 || names != nullptr) &&
      !parse_block("get", args, count, names, nullptr, parsed)) {
    return nullptr;
  }
  return get_object(self, parsed.block, parsed.timeout);
}

PyObject* queue_get_nowait(PyObject* self, PyObject*) { return get_object(self, false, nullptr); }

// _get_or(default): the oldest item, or `default` where there is none.
PyObject* queue_get_or(PyObject* self, PyObject* otherwise) {
  auto* core = open_core_of(self);
  if (core == nullptr) return nullptr;
  try {
    bool taken = false;
    PyObject* object = get_from(core->ring(), os::Deadline::now(), taken);
    return object != nullptr || PyErr_Occurred() != nullptr ? object : Py_NewRef(otherwise);
  } catch (...) {
    return raise_current_exception();
  }
}

// ------------------------------------------------------------------ many at a time

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
  // Pickles from `next` on. False with an error set: what came before it is in the batch.
  bool gather(PyObject* sequence, Py_ssize_t next) {
    std::size_t bytes = 0;
    for (; next < PySequence_Fast_GET_SIZE(sequence); ++next) {
      const Ref object(Py_NewRef(PySequence_Fast_GET_ITEM(sequence, next)));
      Payload& payload = payloads_.emplace_back();
      if (!payload.set(object.get())) {
        payloads_.pop_back();
        return false;
      }
      bytes += payload.bytes();
      if (payloads_.size() == kBatch || bytes >= kGathered) break;
    }
    return true;
  }

  // False where the deadline passed before all were `sent`.
  bool send(ring::Ring& ring, os::Deadline deadline, std::size_t& sent) {
    std::vector<ring::Item> items;
    items.reserve(payloads_.size());
    for (Payload& payload : payloads_) {
      items.push_back({payload.parts(), payload.encoding(), payload.parcel()});
    }
    const WithoutGil other_threads_run;
    return ring.put_many(items, deadline, sent);
  }

 private:
  std::deque<Payload> payloads_;  // they do not move
};

// Adds to `put` what was put. False with an error set.
bool put_batches(ring::Ring& ring, PyObject* sequence, os::Deadline deadline, std::size_t& put) {
  while (put < static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence))) {
    Batch batch;
    const bool pickled = batch.gather(sequence, static_cast<Py_ssize_t>(put));
    const Ref error(pickled ? nullptr : taken_error());
    std::size_t sent = 0;
    bool in_time = false;
    try {
      in_time = batch.send(ring, deadline, sent);
    } catch (...) {
      raise_current_exception();
      put += sent;
      return false;
    }
    put += sent;
    if (!pickled) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.get())), error.get());
    if (!in_time) PyErr_SetNone(full_error);
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
    return sequence && put_batches(core->ring(), sequence.get(), *deadline, put);
  } catch (...) {
    raise_current_exception();
    return false;
  }
}

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
bool get_batch(ring::Ring& ring, std::size_t most, os::Deadline deadline, Gathered& gathered) {
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
    PyObject* one = get_from(ring, first ? deadline : os::Deadline::now(), taken);
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
void get_rest(ring::Ring& ring, std::size_t most, Gathered& gathered) {
  try {
    const std::size_t there = gathered.size() + ring.items();
    const std::size_t limit = std::min(most, there);
    while (gathered.size() < limit &&
           get_batch(ring, limit - gathered.size(), os::Deadline::now(), gathered)) {
    }
  } catch (const Interrupted&) {
    raise_current_exception();
    gathered.keep_error();
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
  PyErr_Clear();
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
    ring::Ring& ring = core->ring();
    auto limit = static_cast<std::size_t>(most);
    if (get_batch(ring, limit, *deadline, gathered)) get_rest(ring, limit, gathered);
    if (gathered.size() != 0) return gathered.result();
    return PyErr_Occurred() != nullptr ? nullptr : empty();
  } catch (...) {
    return raise_current_exception();
  }
}

// ------------------------------------------------------------------ the rest

template <class Function>
PyObject* ask(PyObject* self, Function function) {
  auto* core = core_of(self);
  if (core == nullptr) return nullptr;
  try {
    return function(*core);
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_qsize(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    return PyLong_FromUnsignedLongLong(core.ring_in_any_state().items());
  });
}

PyObject* queue_empty(PyObject* self, PyObject*) {
  return ask(self,
             [](auto& core) { return PyBool_FromLong(core.ring_in_any_state().empty() ? 1 : 0); });
}

PyObject* queue_full(PyObject* self, PyObject*) {
  return ask(self,
             [](auto& core) { return PyBool_FromLong(core.ring_in_any_state().full() ? 1 : 0); });
}

PyObject* queue_close(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    core.close();
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_shutdown(PyObject* self, PyObject* args, PyObject* named) {
  static const char* keywords[] = {"immediate", nullptr};
  int immediate = 0;
  if (PyArg_ParseTupleAndKeywords(args, named, "|p:shutdown", const_cast<char**>(keywords),
                                  &immediate) == 0) {
    return nullptr;
  }
  return ask(self, [immediate](auto& core) {
    {
      const WithoutGil other_threads_run;
      core.ring_in_any_state().shut(immediate != 0);
    }
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_fileno(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    int descriptor = -1;
    {
      const WithoutGil other_threads_run;
      descriptor = core.ring().signal_descriptor();
    }
    return PyLong_FromLong(descriptor);
  });
}

// _poll(timeout): whether get would not wait.
PyObject* queue_poll(PyObject* self, PyObject* timeout) {
  return ask(self, [timeout](auto& core) -> PyObject* {
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    bool ready = false;
    {
      const WithoutGil other_threads_run;
      ready = core.ring().wait_for_item(*deadline);
    }
    return PyBool_FromLong(ready ? 1 : 0);
  });
}

// _poll_room(prepared, timeout): whether there is room for that.
PyObject* queue_poll_room(PyObject* self, PyObject* args) {
  PyObject* prepared = nullptr;
  PyObject* timeout = nullptr;
  if (PyArg_ParseTuple(args, "OO", &prepared, &timeout) == 0) return nullptr;
  auto* payload = static_cast<Payload*>(PyCapsule_GetPointer(prepared, nullptr));
  if (payload == nullptr) return nullptr;
  return ask(self, [payload, timeout](auto& core) -> PyObject* {
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    bool ready = false;
    {
      const WithoutGil other_threads_run;
      ready = core.ring().wait_for_room(payload->bytes(), *deadline);
      if (payload->parcel() != nullptr) core.ring().hold().wait_for_room(*deadline);
    }
    return PyBool_FromLong(ready ? 1 : 0);
  });
}

PyObject* queue_check_joinable(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    core.check_joinable();
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_task_done(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) {
    core.check_joinable();
    {
      const WithoutGil other_threads_run;
      core.ring_in_any_state().end_item();
    }
    return Py_NewRef(Py_None);
  });
}

PyObject* queue_join(PyObject* self, PyObject* timeout) {
  return ask(self, [timeout](auto& core) -> PyObject* {
    core.check_joinable();
    const auto deadline = deadline_from(true, timeout);
    if (!deadline) return nullptr;
    bool all = false;
    {
      const WithoutGil other_threads_run;
      all = core.ring_in_any_state().join(*deadline);
    }
    return PyBool_FromLong(all ? 1 : 0);
  });
}

PyObject* queue_descriptor(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) { return PyLong_FromLong(core.segment().fd()); });
}

PyObject* queue_descriptors(PyObject* self, PyObject*) {
  return ask(self, [](auto& core) -> PyObject* {
    const std::vector<int> all = core.descriptors();
    Ref numbers(PyTuple_New(static_cast<Py_ssize_t>(all.size())));
    if (!numbers) return nullptr;
    for (std::size_t i = 0; i < all.size(); ++i) {
      PyObject* number = PyLong_FromLong(all[i]);
      if (number == nullptr) return nullptr;
      PyTuple_SET_ITEM(numbers.get(), static_cast<Py_ssize_t>(i), number);
    }
    return numbers.release();
  });
}

PyObject* queue_attach(PyObject* self, PyObject* args) {
  try {
    std::vector<int> descriptors;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); ++i) {
      int fd = -1;
      if (PyArg_Parse(PyTuple_GET_ITEM(args, i), "i", &fd) == 0) return nullptr;
      descriptors.push_back(fd);
    }
    if (!initialise(self, [&] { return channel::QueueCore::attach(descriptors); })) return nullptr;
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_open(PyObject* self, PyObject* name) {
  try {
    const auto text = text_of(name);
    if (!text) return nullptr;
    if (!initialise(self, [&] { return channel::QueueCore::open(*text); })) return nullptr;
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_unlink(PyObject*, PyObject* name) {
  try {
    const auto text = text_of(name);
    if (!text) return nullptr;
    channel::QueueCore::unlink(*text);
    Py_RETURN_NONE;
  } catch (...) {
    return raise_current_exception();
  }
}

PyObject* queue_name(PyObject* self, void*) {
  return ask(self, [](auto& core) {
    const std::string& name = core.segment().name();
    return name.empty() ? Py_NewRef(Py_None) : PyUnicode_FromString(name.c_str());
  });
}

PyObject* queue_maxsize(PyObject* self, void*) {
  return ask(self, [](auto& core) {
    return PyLong_FromUnsignedLongLong(core.ring_in_any_state().max_items());
  });
}

PyObject* queue_max_bytes(PyObject* self, void*) {
  return ask(self, [](auto& core) {
    return PyLong_FromUnsignedLongLong(core.ring_in_any_state().max_bytes());
  });
}

PyObject* queue_closed(PyObject* self, void*) {
  return ask(self, [](auto& core) { return PyBool_FromLong(core.closed() ? 1 : 0); });
}

template <class Function>
PyCFunction method(Function* function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef methods[] = {
    {"put", method(queue_put), METH_FASTCALL | METH_KEYWORDS,
     "put($self, /, obj, block=True, timeout=None)\n--\n\n"
     "Append `obj`. Full where maxsize items, or max_bytes with this one, are in it for `timeout` "
     "seconds (None: no limit), or now without `block`. What pickling raises is raised here, the "
     "queue untouched. ValueError "
     "after close(), ShutDown after shutdown(), MemoryError where there is no room for more shared "
     "memory."},
    {"put_nowait", method(queue_put_nowait), METH_FASTCALL | METH_KEYWORDS,
     "put_nowait($self, /, obj)\n--\n\nput(obj, block=False)"},
    {"get", method(queue_get), METH_FASTCALL | METH_KEYWORDS,
     "get($self, /, block=True, timeout=None)\n--\n\n"
     "Take the oldest item. Empty where there is none for `timeout` seconds (None: no limit), or "
     "now without `block`. What unpickling raises is raised here, the item taken. ValueError "
     "after close(), ShutDown where none is left after shutdown()."},
    {"get_nowait", queue_get_nowait, METH_NOARGS, "get_nowait($self, /)\n--\n\nget(block=False)"},
    {"qsize", queue_qsize, METH_NOARGS,
     "qsize($self, /)\n--\n\nItems in it: exact for every put and get that has returned."},
    {"empty", queue_empty, METH_NOARGS, "empty($self, /)\n--\n\nTrue where there is no item."},
    {"full", queue_full, METH_NOARGS,
     "full($self, /)\n--\n\nTrue where maxsize items or max_bytes are in it."},
    {"put_many", method(queue_put_many), METH_FASTCALL | METH_KEYWORDS,
     "put_many($self, /, objs, block=True, timeout=None)\n--\n\n"
     "Append all of `objs` in their order, for less than one by one; items of other producers may "
     "come in between. Raises what `put` raises; `items_put` of the exception is then the number "
     "of items that were put."},
    {"get_many", method(queue_get_many), METH_FASTCALL | METH_KEYWORDS,
     "get_many($self, /, max, block=True, timeout=None)\n--\n\n"
     "Take what there is, at most `max` items, as a list; waits for the first as `get` does. Where "
     "an item cannot be unpickled, that error is raised, and its `items` is the list of the "
     "others."},
    {"shutdown", method(queue_shutdown), METH_VARARGS | METH_KEYWORDS,
     "shutdown($self, /, immediate=False)\n--\n\n"
     "From now on `put` raises ShutDown, and `get` where nothing is left, in all processes. "
     "`immediate`: what is in it is dropped."},
    {"fileno", queue_fileno, METH_NOARGS,
     "fileno($self, /)\n--\n\n"
     "A descriptor for select, epoll and event loops: readable while `get` would not wait, and "
     "at times an instant longer or before: go on with `get_nowait`. "
     "It belongs to the queue and is not to be read from. ValueError where the queue has a name, "
     "was attached by its first descriptor alone, or is closed."},
    {"_get_or", queue_get_or, METH_O, nullptr},
    {"_prepare", queue_prepare, METH_O, nullptr},
    {"_put_prepared", queue_put_prepared, METH_O, nullptr},
    {"_poll", queue_poll, METH_O, nullptr},
    {"_poll_room", queue_poll_room, METH_VARARGS, nullptr},
    {"_check_joinable", queue_check_joinable, METH_NOARGS, nullptr},
    {"_task_done", queue_task_done, METH_NOARGS, nullptr},
    {"_join", queue_join, METH_O, nullptr},
    {"close", queue_close, METH_NOARGS,
     "close($self, /)\n--\n\nThis process uses it no longer; what was put stays for others."},
    {"_descriptor", queue_descriptor, METH_NOARGS, nullptr},
    {"_attach", queue_attach, METH_VARARGS, nullptr},
    {"_descriptors", queue_descriptors, METH_NOARGS, nullptr},
    {"_open", queue_open, METH_O, nullptr},
    {"_unlink", queue_unlink, METH_O | METH_STATIC, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"name", queue_name, nullptr, "Name by which others open it, or None.", nullptr},
    {"maxsize", queue_maxsize, nullptr, "Most items in it; 0: no limit.", nullptr},
    {"max_bytes", queue_max_bytes, nullptr, "Most bytes of them; 0: no limit of its own.", nullptr},
    {"_closed", queue_closed, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyType_Slot slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(queue_new)},
    {Py_tp_init, reinterpret_cast<void*>(queue_init)},
    {Py_tp_dealloc, reinterpret_cast<void*>(queue_dealloc)},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, nullptr},
};

PyType_Spec spec = {"shoal._core.Queue", sizeof(PyQueue), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};

}  // namespace

PyObject* make_queue_type(PyObject* module) {
  const Ref queue(PyImport_ImportModule("queue"));
  if (!queue) return nullptr;
  empty_error = PyObject_GetAttrString(queue.get(), "Empty");
  full_error = PyObject_GetAttrString(queue.get(), "Full");
  if (empty_error == nullptr || full_error == nullptr) return nullptr;
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

}  // namespace shoal::python
