// Every exception that shoal throws on purpose. Each names the object, the operation and what to
// do. Failures of the operating system that have no better name are std::system_error; wrong
// arguments are std::invalid_argument.
#pragma once

#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace shoal {

/// Base of all that follows but OutOfMemory.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The object was closed by this process. Python: ValueError.
class ClosedError : public Error {
 public:
  using Error::Error;
};

/// A thing was released that nobody holds, or ended more often than begun. Python: ValueError.
class NotHeldError : public Error {
 public:
  using Error::Error;
};

/// A recursive lock was released, or a condition used, by a thread that does not hold the lock.
/// Python: AssertionError.
class NotOwnerError : public Error {
 public:
  using Error::Error;
};

/// A lock that was made with OnOwnerDeath::kThrow is held by a process that died. The lock is
/// untouched: who has put in order what it guards calls release(). Python: shoal.OwnerDiedError.
class OwnerDied : public Error {
 public:
  OwnerDied(const std::string& what, int pid) : Error(what), pid_(pid) {}
  [[nodiscard]] int pid() const noexcept { return pid_; }

 private:
  int pid_;
};

/// A queue was shut down: nothing can be put any more, or nothing is left to get.
/// Python: shoal.ShutDown, which is queue.ShutDown from Python 3.13 on.
class ShutDown : public Error {
 public:
  using Error::Error;
};

/// A process died with items of a joinable queue that it had taken and not ended, so that they
/// never will be. Python: shoal.ConsumerDiedError.
class ConsumerDied : public Error {
 public:
  ConsumerDied(const std::string& what, int pid, std::size_t items)
      : Error(what), pid_(pid), items_(items) {}
  /// One of them, where several died.
  [[nodiscard]] int pid() const noexcept { return pid_; }
  /// How many in all.
  [[nodiscard]] std::size_t items() const noexcept { return items_; }

 private:
  int pid_;
  std::size_t items_;
};

/// A barrier was broken, reset or aborted, or a party did not come in time or died.
/// Python: threading.BrokenBarrierError.
class BrokenBarrier : public Error {
 public:
  using Error::Error;
};

/// The interrupt check said so in the middle of a wait (see wait.hpp). The object is untouched.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// A name could not be used, or what stands behind it is not what was asked for.
class NameError : public Error {
 public:
  using Error::Error;
};
/// Made although an object of that name exists. Python: FileExistsError.
class NameTaken : public NameError {
 public:
  using NameError::NameError;
};
/// Opened although no object of that name exists. Python: FileNotFoundError.
class NameMissing : public NameError {
 public:
  using NameError::NameError;
};
/// The object belongs to another user. Python: PermissionError.
class WrongOwner : public NameError {
 public:
  using NameError::NameError;
};
/// The object is a lock where a queue was asked for, or the like. Python: TypeError.
class WrongKind : public NameError {
 public:
  using NameError::NameError;
};
/// The object was made by a shoal with another layout. Python: shoal.SegmentError, an OSError.
class WrongVersion : public NameError {
 public:
  using NameError::NameError;
};
/// Not a shoal object, cut short, or holding impossible values. Python: shoal.SegmentError.
class Damaged : public NameError {
 public:
  using NameError::NameError;
};
/// The object lives in another pid or time namespace, where "is its owner alive?" has no answer.
/// Python: shoal.SegmentError.
class WrongNamespace : public NameError {
 public:
  using NameError::NameError;
};

/// Bytes that are no pickle this library can read, or a value it cannot write.
/// Python: pickle.UnpicklingError or pickle.PicklingError.
class PickleError : public Error {
 public:
  explicit PickleError(const std::string& what, std::size_t offset = kNoOffset)
      : Error(what), offset_(offset) {}
  static constexpr std::size_t kNoOffset = static_cast<std::size_t>(-1);
  /// Position in the pickle, in bytes, or kNoOffset.
  [[nodiscard]] std::size_t offset() const noexcept { return offset_; }

 private:
  std::size_t offset_;
};

/// A process could not be started, or its arguments cannot travel by its start method.
class ProcessError : public Error {
 public:
  using Error::Error;
};

/// No room for more shared memory: names the object, the bytes asked for and the limit that was
/// met. Nothing was changed. Python: MemoryError.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string what) : what_(std::move(what)) {}
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

}  // namespace shoal
