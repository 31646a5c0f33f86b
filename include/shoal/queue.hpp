// A queue that processes share.
#pragma once

#include <shoal/buffer.hpp>
#include <shoal/codec.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace shoal {

namespace channel {
class QueueCore;
}
namespace os {
class Fd;
}

struct QueueOptions {
  /// Most items in it; put waits beyond. 0 or less: no limit.
  std::ptrdiff_t maxsize = 0;
  /// Where unrelated programs of this user open it; it then lives until unlink(). Empty: none.
  std::string name = {};
};

/// What all queues share, whatever they carry. Use Queue<T>.
class QueueBase {
 public:
  /// Items in it: exact for every put and get that has returned, also after any death.
  [[nodiscard]] std::size_t qsize() const;
  [[nodiscard]] bool empty() const;
  [[nodiscard]] bool full() const;
  /// This process uses it no longer: put and get throw ClosedError. What was put stays for others,
  /// and a child of this process may use it, however it is started.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;
  /// Most items in it; 0: no limit.
  [[nodiscard]] std::size_t maxsize() const noexcept;
  /// The descriptor of its memory, for a program that inherits it and calls attach(). It stays the
  /// queue's and is closed on exec unless duplicated.
  [[nodiscard]] int descriptor() const noexcept;
  /// The same with those of the sockets through which handles travel, for attach() of all three; of
  /// a queue that has none (one with a name, or attached without them) the first alone.
  [[nodiscard]] std::vector<int> descriptors() const;
  /// Removes the name; those who have the queue keep it. Throws NameMissing.
  static void unlink(const std::string& name);

  /// Two handles of the same queue are equal.
  friend bool operator==(const QueueBase& a, const QueueBase& b) noexcept;

  /// For the other layers of this library.
  explicit QueueBase(std::shared_ptr<channel::QueueCore> core) noexcept;
  [[nodiscard]] const std::shared_ptr<channel::QueueCore>& core() const noexcept { return core_; }

 protected:
  using Nanoseconds = std::chrono::nanoseconds;
  static constexpr Nanoseconds kForever = Nanoseconds::max();

  /// What a record's bytes are (the ring's encoding byte).
  enum class Raw : std::uint8_t { kPickle = 0, kInt64 = 1, kUint64 = 2, kFloat64 = 3 };

  /// What a thread sends or has received: bytes, and the descriptors of the handles among them. One
  /// of this thread's, or a fresh one while that is in use (a codec may use a queue).
  class Freight {
   public:
    Freight();
    ~Freight();
    Freight(const Freight&) = delete;
    Freight& operator=(const Freight&) = delete;
    /// Where an item is encoded; handles find their way by themselves.
    ByteBuffer& bytes() noexcept;
    struct State;

   private:
    friend class QueueBase;
    void arrives(std::vector<os::Fd> fds);
    State* state_;
  };

  QueueBase(const QueueOptions& options);
  static std::shared_ptr<channel::QueueCore> open_core(const std::string& name);
  static std::shared_ptr<channel::QueueCore> attach_core(std::span<const int> descriptors);

  bool send(std::span<const std::byte> bytes, Raw raw, Nanoseconds timeout) const;
  bool send(Freight& pickled, Nanoseconds timeout) const;
  /// The bytes of the item, which stay in `into`; nothing where the timeout passed.
  std::optional<std::span<const std::byte>> receive(Freight& into, Raw& raw,
                                                    Nanoseconds timeout) const;

 private:
  std::shared_ptr<channel::QueueCore> core_;
};

/// multiprocessing.Queue: first in first out, for any number of producers and consumers, in C++
/// and in Python. T is anything that codec.hpp knows; numbers travel raw, the rest as pickle, and
/// both languages read both.
///
/// A queue is a handle: copies share it, and it travels as an argument of a Process. Thread,
/// process and fork safe. An item whose put returned is delivered exactly once, whoever dies; only
/// the one item that a consumer had just taken is lost with it. put and get throw ClosedError
/// after close(), Interrupted (wait.hpp), Damaged, and std::bad_alloc (OutOfMemory where there is
/// no room for more shared memory); put throws what the codec throws, before the queue is touched,
/// and get after the item was taken.
template <class T>
class Queue : public QueueBase {
 public:
  /// Nameless: for this process, its children, and those it is sent to.
  explicit Queue(std::ptrdiff_t maxsize = 0) : QueueBase(QueueOptions{.maxsize = maxsize}) {}
  /// Throws NameTaken; std::invalid_argument where the name will not do.
  explicit Queue(const QueueOptions& options) : QueueBase(options) {}
  explicit Queue(std::shared_ptr<channel::QueueCore> core) noexcept : QueueBase(std::move(core)) {}

  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Queue open(const std::string& name) { return Queue(open_core(name)); }
  /// By a descriptor that was inherited; takes it over. Where it throws (WrongKind, WrongVersion,
  /// WrongNamespace, Damaged, std::system_error), the descriptor stays the caller's.
  static Queue attach(int descriptor) { return Queue(attach_core({&descriptor, 1})); }
  /// The same by all that descriptors() names; without the others, handles cannot travel through
  /// it. std::invalid_argument where they are not one or three.
  static Queue attach(std::span<const int> descriptors) { return Queue(attach_core(descriptors)); }

  /// Waits while maxsize items are in it.
  void put(const T& item) { put_within(item, kForever); }
  /// False where maxsize items are in it.
  [[nodiscard]] bool try_put(const T& item) { return put_within(item, Nanoseconds::zero()); }
  /// False where that is still so after `timeout`.
  template <class Rep, class Period>
  [[nodiscard]] bool put_for(const T& item, const std::chrono::duration<Rep, Period>& timeout) {
    return put_within(item, detail::to_nanoseconds(timeout));
  }

  /// Waits while it is empty.
  [[nodiscard]] T get() { return *get_within(kForever); }
  /// Nothing where it is empty.
  [[nodiscard]] std::optional<T> try_get() { return get_within(Nanoseconds::zero()); }
  /// Nothing where it is still empty after `timeout`.
  template <class Rep, class Period>
  [[nodiscard]] std::optional<T> get_for(const std::chrono::duration<Rep, Period>& timeout) {
    return get_within(detail::to_nanoseconds(timeout));
  }

 private:
  static constexpr bool kIsInteger = std::integral<T> && !std::same_as<T, bool>;
  static constexpr bool kIsRaw = kIsInteger || std::floating_point<T>;

  bool put_within(const T& item, Nanoseconds timeout) {
    if constexpr (std::floating_point<T>) {
      return put_raw(static_cast<double>(item), Raw::kFloat64, timeout);
    } else if constexpr (kIsInteger && std::is_signed_v<T>) {
      return put_raw(static_cast<std::int64_t>(item), Raw::kInt64, timeout);
    } else if constexpr (kIsInteger) {
      return put_raw(static_cast<std::uint64_t>(item), Raw::kUint64, timeout);
    } else {
      Freight freight;
      dumps(item, freight.bytes());
      return send(freight, timeout);
    }
  }

  template <class Number>
  bool put_raw(Number number, Raw raw, Nanoseconds timeout) {
    return send(std::as_bytes(std::span<const Number, 1>(&number, 1)), raw, timeout);
  }

  std::optional<T> get_within(Nanoseconds timeout) {
    Freight freight;
    Raw raw{};
    const auto bytes = receive(freight, raw, timeout);
    if (!bytes) return std::nullopt;
    if (raw == Raw::kPickle) return loads<T>(*bytes);
    return from_raw(*bytes, raw);
  }

  static T from_raw(std::span<const std::byte> bytes, Raw raw) {
    switch (raw) {
      case Raw::kInt64: return from_number<std::int64_t>(bytes);
      case Raw::kUint64: return from_number<std::uint64_t>(bytes);
      default: return from_number<double>(bytes);
    }
  }

  // A number of the other kind or another size goes the long way, which checks its range.
  template <class Number>
  static T from_number(std::span<const std::byte> bytes) {
    Number number{};
    std::memcpy(&number, bytes.data(), sizeof number);
    if constexpr (std::same_as<T, Number>) {
      return number;
    } else {
      return decode<T>(Object(number));
    }
  }
};

namespace detail {
void encode_queue(pickle::Encoder& encoder, const QueueBase& queue);
std::shared_ptr<channel::QueueCore> decode_queue(const Object& object);
}  // namespace detail

/// As an argument of a process, or through a queue; elsewhere ProcessError.
template <class T>
struct Codec<Queue<T>> {
  static void encode(pickle::Encoder& encoder, const Queue<T>& queue) {
    detail::encode_queue(encoder, queue);
  }
  static Queue<T> decode(const Object& object) { return Queue<T>(detail::decode_queue(object)); }
};

}  // namespace shoal
