// What the queues of queue.hpp share, whatever their items are.
#pragma once

#include <shoal/buffer.hpp>
#include <shoal/loan.hpp>
#include <shoal/object.hpp>
#include <shoal/wait.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace shoal {

namespace channel {
class QueueCore;
}
namespace os {
class Fd;
}
namespace ring {
enum class Encoding : std::uint8_t;
struct Record;
}  // namespace ring

namespace detail {
/// What a record's bytes are (the ring's encoding byte).
enum class Raw : std::uint8_t {
  kPickle = 0,
  kInt64 = 1,
  kUint64 = 2,
  kFloat64 = 3,
  kNumbers = 5,
  kBytes = 6,
  kBundle = 7
};

/// What all items are, where they travel as bytes; size 0: of any type.
struct ItemType {
  const char* name = "";
  std::size_t size = 0;
};
}  // namespace detail

struct QueueOptions {
  /// Most items in it; put waits beyond. 0 or less: no limit.
  std::ptrdiff_t maxsize = 0;
  /// Where unrelated programs of this user open it; it then lives until unlink(). Empty: none.
  std::string name = {};
  /// Most bytes of all items in it, as they travel; put waits beyond, and throws
  /// std::invalid_argument for one that is larger. 0: no limit but half of the memory that machine
  /// and memory cgroup have left; beyond that, put throws OutOfMemory.
  std::size_t max_bytes = 0;
  /// Of a JoinableQueue: what a consumer had taken and not done when it died goes to another. Items
  /// carry no handles then.
  bool redeliver = false;
};

/// An item, and how often it was delivered, with this time.
template <class T>
struct Delivery {
  T item;
  std::uint32_t count = 1;
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
  /// From now on put throws ShutDown, and get does so where nothing is left, in all processes, and
  /// also in those that wait by now. Nobody needs to be told by an item that there are no more.
  /// `immediate`: what is in it is dropped, so that get throws at once.
  void shutdown(bool immediate = false) const;
  /// A descriptor for poll, epoll and the like: it can be read from while get would not wait, and
  /// at times an instant longer or before, so go on with try_get. It belongs to the queue and is
  /// not to be read from or closed. A queue that was asked for it once works a little more at each
  /// put to an empty one, in all processes. Of a queue with a name each process has its own (an
  /// inotify instance): where another process took the last item, it can be read from until this
  /// one has looked, by try_get, empty or qsize.
  /// std::invalid_argument where a nameless queue was attached by its first descriptor alone;
  /// std::system_error where there is no descriptor to be had.
  [[nodiscard]] int fileno() const;
  /// Waits until get would not wait; takes nothing, so that another may be quicker.
  void wait_readable() const { static_cast<void>(wait_readable_within(kForever)); }
  /// False where that is not so after `timeout`.
  template <class Rep, class Period>
  [[nodiscard]] bool wait_readable_for(const std::chrono::duration<Rep, Period>& timeout) const {
    return wait_readable_within(detail::to_nanoseconds(timeout));
  }
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;
  /// Most items in it; 0: no limit.
  [[nodiscard]] std::size_t maxsize() const noexcept;
  /// Most bytes of them; 0: no limit of its own.
  [[nodiscard]] std::size_t max_bytes() const noexcept;
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

  using Raw = detail::Raw;
  using ItemType = detail::ItemType;

  /// One of several items that are sent, or were received: where it stands among the bytes.
  struct Slice {
    std::size_t offset = 0;
    std::size_t size = 0;
    Raw raw = Raw::kPickle;
  };

  /// What is left of a timeout.
  class TimeLeft {
   public:
    explicit TimeLeft(Nanoseconds timeout) noexcept
        : timeout_(timeout), start_(runs() ? Clock::now() : Clock::time_point()) {}
    [[nodiscard]] Nanoseconds operator()() const noexcept {
      if (!runs()) return timeout_;
      return std::max(Nanoseconds::zero(), timeout_ - Nanoseconds(Clock::now() - start_));
    }

   private:
    using Clock = std::chrono::steady_clock;
    [[nodiscard]] bool runs() const noexcept {
      return timeout_ != kForever && timeout_ > Nanoseconds::zero();
    }
    Nanoseconds timeout_;
    Clock::time_point start_;
  };

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
    /// Several items among the bytes.
    std::vector<Slice>& slices() noexcept;
    [[nodiscard]] bool carries_handles() const noexcept;
    /// What was received, wherever it stands: of several items, the slices refer to that.
    [[nodiscard]] std::span<const std::byte> received() const noexcept;
    /// How often that was delivered.
    [[nodiscard]] std::uint32_t deliveries() const noexcept;
    struct State;

   private:
    friend class QueueBase;
    void arrives(std::vector<os::Fd> fds);
    State* state_;
  };

  explicit QueueBase(const QueueOptions& options, bool joinable = false, const ItemType& item = {});
  static std::shared_ptr<channel::QueueCore> open_core(const std::string& name);
  static std::shared_ptr<channel::QueueCore> attach_core(std::span<const int> descriptors,
                                                         bool joinable, const ItemType& item);

  bool send(std::span<const std::byte> bytes, Raw raw, Nanoseconds timeout) const;
  bool send(Freight& pickled, Nanoseconds timeout) const;
  /// The bytes of the item, which stay in `into`; nothing where the timeout passed. Throws Damaged
  /// where they cannot be of that form.
  std::optional<std::span<const std::byte>> receive(Freight& into, Raw& raw,
                                                    Nanoseconds timeout) const;

  enum class Small : std::uint8_t { kNone, kCame, kLarger };
  /// All `bytes` of an item, which are in `room`. kLarger: it is still there.
  Small receive_small(std::span<std::byte> room, std::span<const std::byte>& bytes, Raw& raw,
                      Nanoseconds timeout) const;

  /// Numbers behind the word that says of which type.
  bool send_span(std::uint64_t type, std::span<const std::byte> numbers, Nanoseconds timeout) const;
  /// A string or a bytes object, which is not copied before.
  bool send_content(Kind kind, std::span<const std::byte> content, Nanoseconds timeout) const;
  /// Where the content of one goes: makes `object` as large as that, and says where it is.
  struct Vessel {
    void* object;
    std::span<std::byte> (*resize)(void* object, std::size_t size);
  };
  enum class Content : std::uint8_t { kNone, kCame, kOther };
  /// kOther: an item of another form was taken, whose `bytes` are in `small` or, where it is
  /// larger, in `into`, which is made then.
  Content receive_content(Kind kind, const Vessel& vessel, std::span<std::byte> small,
                          std::optional<Freight>& into, std::span<const std::byte>& bytes, Raw& raw,
                          Nanoseconds timeout) const;
  /// Sends the slices of a freight, or numbers of 8 bytes, one after another. False where the
  /// timeout passed before all were `sent`.
  bool send_many(Freight& pickled, Nanoseconds timeout, std::size_t& sent) const;
  bool send_numbers(std::span<const std::byte> numbers, Raw raw, Nanoseconds timeout,
                    std::size_t& sent) const;
  /// Takes the slices of one hold of the lock, at most `most`; only the `first` time it waits. None
  /// where nothing came.
  std::size_t receive_many(Freight& into, std::size_t most, bool first, Nanoseconds timeout) const;

  [[nodiscard]] Loan lend(std::size_t size) const;
  bool send(Loan& loan, Nanoseconds timeout) const;
  std::optional<View> receive_view(Nanoseconds timeout) const;

  /// That of a string or bytes object; its data() is nullptr where the item is something else.
  static std::span<const std::byte> content_in(Kind kind, std::span<const std::byte> bytes,
                                               Raw raw);

  /// Throws Damaged where an item cannot be of that form.
  void check_form(Raw raw, std::span<const std::byte> bytes) const {
    if (raw == Raw::kPickle || (raw <= Raw::kFloat64 && bytes.size() == 8)) [[likely]]
      return;
    check_other_form(raw, bytes);
  }

  /// Throws WrongKind where its items are of another type.
  void check_item(const ItemType& item) const;

  void check_joinable() const;
  void end_item() const;
  [[nodiscard]] bool join_within(Nanoseconds timeout) const;

 private:
  std::span<const std::byte> received_small(std::span<std::byte> room, const ring::Record& record,
                                            Raw& raw) const;
  void check_other_form(Raw raw, std::span<const std::byte> bytes) const;
  [[nodiscard]] bool wait_readable_within(Nanoseconds timeout) const;
  template <class Get>
  std::size_t receive_one_of_many(Freight& into, Get get) const;
  template <class Get>
  std::optional<std::span<const std::byte>> receive_by(Freight& into, Raw& raw, Get get) const;
  std::span<const std::byte> received(Freight& into, ring::Record& record, Raw& raw) const;
  std::shared_ptr<channel::QueueCore> core_;
};

}  // namespace shoal
