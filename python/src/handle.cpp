#include "handle.hpp"

namespace shoal::python {

PyObject* from_holder(const Holder& holder) {
  const std::chrono::duration<double> since = holder.since.time_since_epoch();
  return Py_BuildValue("iid", holder.pid, holder.thread, since.count());
}

std::optional<ArrivedPlace> arrived(PyObject* args, PyObject** rest) {
  int fd = -1;
  int in_slab = 0;
  unsigned long long offset = 0;
  const int parsed = rest == nullptr ? PyArg_ParseTuple(args, "ipK", &fd, &in_slab, &offset)
                                     : PyArg_ParseTuple(args, "ipKO", &fd, &in_slab, &offset, rest);
  if (parsed == 0) return std::nullopt;
  return ArrivedPlace{os::Fd(fd), in_slab != 0, offset};
}

PyObject* from_waiters(const Waiters& waiters) {
  Ref list(PyList_New(0));
  if (!list) return nullptr;
  for (const auto& waiter : waiters) {
    const Ref item(from_holder(waiter));
    if (!item || PyList_Append(list.get(), item.get()) != 0) return nullptr;
  }
  return list.release();
}

}  // namespace shoal::python
