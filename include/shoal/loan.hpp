// Items of a queue that are written, or read, where they stand in shared memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <type_traits>

namespace shoal {

namespace channel {
class LoanCore;
class ViewCore;
}  // namespace channel

namespace detail {
template <class T, class Byte>
std::span<T> elements_of(std::span<Byte> bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(T) == 0;
  if (bytes.size() % sizeof(T) != 0 || !aligned) {
    throw std::invalid_argument("these bytes are no whole number of such elements");
  }
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}
}  // namespace detail

/// Memory of a queue, from Queue<Bytes>::loan(), in which an item is written before it is put: then
/// it is not copied. Freed at the end of its life where it is not put, and where its process dies.
/// A value that moves, for one thread at a time. In a forked child it stays the parent's: put()
/// throws std::logic_error there.
class Loan {
 public:
  Loan(Loan&& other) noexcept;
  Loan& operator=(Loan&& other) noexcept;
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan();

  /// Begins at a page; holds anything. Empty once it was put.
  [[nodiscard]] std::span<std::byte> bytes() const noexcept;
  /// The same as elements: std::invalid_argument where they are no whole number of those.
  template <class T>
  [[nodiscard]] std::span<T> as() const {
    return detail::elements_of<T>(bytes());
  }

  /// For the other parts of this library.
  explicit Loan(std::unique_ptr<channel::LoanCore> core) noexcept;
  [[nodiscard]] channel::LoanCore& core() const;

 private:
  std::unique_ptr<channel::LoanCore> core_;
};

/// An item that was taken and is read where it stands; a small one (of less than 128 KiB), in
/// memory of its own. Freed at the end of its life, in any order, and where its process dies; the
/// queue may be closed, or gone, before. A value that moves. In a forked child it stays the
/// parent's, and is to be read no longer than the parent has it.
class View {
 public:
  View(View&& other) noexcept;
  View& operator=(View&& other) noexcept;
  View(const View&) = delete;
  View& operator=(const View&) = delete;
  ~View();

  /// The content of a bytes object, numbers of a span, or the only buffer of another item (a NumPy
  /// array). Writable: nobody else has it. PickleError where the item is neither; it is taken all
  /// the same.
  [[nodiscard]] std::span<std::byte> bytes() const;
  /// The same as elements: std::invalid_argument where they are no whole number of those.
  template <class T>
  [[nodiscard]] std::span<T> as() const {
    return detail::elements_of<T>(bytes());
  }

  /// For the other parts of this library.
  explicit View(std::unique_ptr<channel::ViewCore> core) noexcept;

 private:
  std::unique_ptr<channel::ViewCore> core_;
};

}  // namespace shoal
