// A queue that processes share.
#pragma once

#include <shoal/buffer.hpp>
#include <shoal/codec.hpp>
#include <shoal/queue_base.hpp>
#include <shoal/queue_item.hpp>
#include <shoal/wait.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace shoal {

/// multiprocessing.Queue: first in first out, for any number of producers and consumers, in C++
/// and in Python. T is anything that codec.hpp knows; numbers, and vectors and arrays of numbers,
/// travel raw, the rest as pickle, and both languages read both. AsBytes<T> is any trivially
/// copyable T as it is in memory.
///
/// A queue is a handle: copies share it, and it travels as an argument of a Process. Thread,
/// process and fork safe. An item whose put returned is delivered exactly once, whoever dies; only
/// the one item (or batch of get_many) that a consumer had just taken is lost with it. put and get
/// throw ClosedError after close(), ShutDown after shutdown(), Interrupted (wait.hpp), Damaged, and
/// std::bad_alloc (OutOfMemory where there is no room for more shared memory); put throws what the
/// codec throws, before the queue is touched, and get after the item was taken.
template <class T>
class Queue : public QueueBase {
  using Item = detail::QueueItem<T>;
  static constexpr bool kIsBytes = std::same_as<T, Bytes> || std::same_as<T, Object>;

 public:
  /// Nameless: for this process, its children, and those it is sent to.
  explicit Queue(std::ptrdiff_t maxsize = 0) : Queue(QueueOptions{.maxsize = maxsize}) {}
  /// Throws NameTaken; std::invalid_argument where the name will not do, or where it is to
  /// redeliver and is no JoinableQueue.
  explicit Queue(const QueueOptions& options) : Queue(options, false) {}
  /// Throws WrongKind where T is AsBytes and it was made for another type.
  explicit Queue(std::shared_ptr<channel::QueueCore> core) noexcept(!Item::kIsBytes)
      : QueueBase(std::move(core)) {
    if constexpr (Item::kIsBytes) check_item(Item::type());
  }

  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Queue open(const std::string& name) { return Queue(open_core(name)); }
  /// By a descriptor that was inherited; takes it over. Where it throws (WrongKind, WrongVersion,
  /// WrongNamespace, Damaged, std::system_error), the descriptor stays the caller's.
  static Queue attach(int descriptor) { return Queue(attach_core({&descriptor, 1})); }
  /// The same by all that descriptors() names; without the others, handles cannot travel through
  /// it. std::invalid_argument where they are not one or three.
  static Queue attach(std::span<const int> descriptors) { return Queue(attach_core(descriptors)); }

  /// Numbers that are in no vector yet; where T is one.
  template <class Number, std::size_t Extent>
    requires detail::VectorOf<T, Number>
  void put(std::span<Number, Extent> numbers) {
    put_numbers(numbers, kForever);
  }
  template <class Number, std::size_t Extent>
    requires detail::VectorOf<T, Number>
  [[nodiscard]] bool try_put(std::span<Number, Extent> numbers) {
    return put_numbers(numbers, Nanoseconds::zero());
  }
  template <class Number, std::size_t Extent, class Rep, class Period>
    requires detail::VectorOf<T, Number>
  [[nodiscard]] bool put_for(std::span<Number, Extent> numbers,
                             const std::chrono::duration<Rep, Period>& timeout) {
    return put_numbers(numbers, detail::to_nanoseconds(timeout));
  }

  /// Waits while it is full: while maxsize items are in it, or more than max_bytes would be.
  void put(const T& item) { put_within(item, kForever); }
  /// False where it is full.
  [[nodiscard]] bool try_put(const T& item) { return put_within(item, Nanoseconds::zero()); }
  /// False where that is still so after `timeout`.
  template <class Rep, class Period>
  [[nodiscard]] bool put_for(const T& item, const std::chrono::duration<Rep, Period>& timeout) {
    return put_within(item, detail::to_nanoseconds(timeout));
  }

  /// Memory to write an item of so many bytes in place, which is not copied when it is put. Throws
  /// OutOfMemory, also where too many (1,024 with large items and views) are in use.
  [[nodiscard]] Loan loan(std::size_t size)
    requires kIsBytes
  {
    return lend(size);
  }
  /// Puts it as a bytes object. Throws std::logic_error where it is of another queue, or was put.
  void put(Loan&& loan)  // NOLINT(cppcoreguidelines-rvalue-reference-param-not-moved): where it
    requires kIsBytes    // cannot be put it stays the caller's
  {
    static_cast<void>(send(loan, kForever));
  }
  /// False where it is full: the loan is still there.
  [[nodiscard]] bool try_put(Loan&& loan)  // NOLINT(*-rvalue-reference-param-not-moved)
    requires kIsBytes
  {
    return send(loan, Nanoseconds::zero());
  }
  template <class Rep, class Period>
    requires kIsBytes
  [[nodiscard]] bool put_for(Loan&& loan,  // NOLINT(*-rvalue-reference-param-not-moved)
                             const std::chrono::duration<Rep, Period>& timeout) {
    return send(loan, detail::to_nanoseconds(timeout));
  }

  /// Waits while it is empty. The item is read where it stands.
  [[nodiscard]] View get_view() { return *receive_view(kForever); }
  /// Nothing where it is empty.
  [[nodiscard]] std::optional<View> try_get_view() { return receive_view(Nanoseconds::zero()); }
  template <class Rep, class Period>
  [[nodiscard]] std::optional<View> get_view_for(
      const std::chrono::duration<Rep, Period>& timeout) {
    return receive_view(detail::to_nanoseconds(timeout));
  }

  /// All of them, in their order, for less than one by one; items of other producers may come in
  /// between. Where it throws, those before may have been put.
  template <std::ranges::input_range Items>
    requires std::convertible_to<std::ranges::range_reference_t<Items>, const T&>
  void put_many(Items&& items) {  // NOLINT(cppcoreguidelines-missing-std-forward): read in place
    static_cast<void>(put_many_within(items, kForever));
  }
  /// How many of them were put before `timeout`.
  template <std::ranges::input_range Items, class Rep, class Period>
    requires std::convertible_to<std::ranges::range_reference_t<Items>, const T&>
  [[nodiscard]] std::size_t put_many_for(Items&& items,  // NOLINT(*-missing-std-forward)
                                         const std::chrono::duration<Rep, Period>& timeout) {
    return put_many_within(items, detail::to_nanoseconds(timeout));
  }

  /// Waits while it is empty; then what there is, but at most `most`. A consumer that is killed
  /// meanwhile may have had them all in hand, and what the codec throws for one of them loses the
  /// others: get_many_into() does not.
  [[nodiscard]] std::vector<T> get_many(std::size_t most) {
    return get_many_within(most, kForever);
  }
  /// The same behind what is in `items`, and how many were taken. Where the codec throws for one of
  /// them, the others are there.
  std::size_t get_many_into(std::vector<T>& items, std::size_t most) {
    return get_many_into_within(items, most, kForever);
  }
  /// 0 where it is empty.
  [[nodiscard]] std::size_t try_get_many_into(std::vector<T>& items, std::size_t most) {
    return get_many_into_within(items, most, Nanoseconds::zero());
  }
  /// The same into the first of these items, as many as there are, whose memory is used again as
  /// get_into() does it. What is thrown for one of them loses the others, and all may have changed.
  std::size_t get_many_into(std::span<T> items) { return get_many_into_within(items, kForever); }
  /// 0 where it is empty.
  [[nodiscard]] std::size_t try_get_many_into(std::span<T> items) {
    return get_many_into_within(items, Nanoseconds::zero());
  }
  /// None where it is empty.
  [[nodiscard]] std::vector<T> try_get_many(std::size_t most) {
    return get_many_within(most, Nanoseconds::zero());
  }
  /// None where it is still empty after `timeout`.
  template <class Rep, class Period>
  [[nodiscard]] std::vector<T> get_many_for(std::size_t most,
                                            const std::chrono::duration<Rep, Period>& timeout) {
    return get_many_within(most, detail::to_nanoseconds(timeout));
  }

  /// Waits while it is empty.
  [[nodiscard]] T get() { return *get_within(kForever); }
  /// The same into an item whose memory is used again, where it is a string, Bytes or a
  /// vector of numbers.
  void get_into(T& item) { static_cast<void>(get_into_within(item, kForever)); }
  /// False where it is empty; `item` may have changed.
  [[nodiscard]] bool try_get_into(T& item) { return get_into_within(item, Nanoseconds::zero()); }
  /// Nothing where it is empty.
  [[nodiscard]] std::optional<T> try_get() { return get_within(Nanoseconds::zero()); }
  /// Nothing where it is still empty after `timeout`.
  template <class Rep, class Period>
  [[nodiscard]] std::optional<T> get_for(const std::chrono::duration<Rep, Period>& timeout) {
    return get_within(detail::to_nanoseconds(timeout));
  }

 protected:
  Queue(const QueueOptions& options, bool joinable) : QueueBase(options, joinable, Item::type()) {}
  static std::shared_ptr<channel::QueueCore> attach_core(std::span<const int> descriptors,
                                                         bool joinable = false) {
    return QueueBase::attach_core(descriptors, joinable, Item::type());
  }

  std::optional<Delivery<T>> get_delivery_within(Nanoseconds timeout) {
    Freight freight;
    Raw raw{};
    const auto bytes = receive(freight, raw, timeout);
    if (!bytes) return std::nullopt;
    return Delivery<T>{Item::decoded(*bytes, raw), freight.deliveries()};
  }

 private:
  static constexpr std::size_t kBatch = 256;
  static constexpr std::size_t kGathered = 64UL * 1024;  // bytes
  static constexpr std::size_t kSmall = 4096;

  bool put_within(const T& item, Nanoseconds timeout) {
    if constexpr (Item::kIsNumber) {
      const auto number = static_cast<typename Item::Wide>(item);
      return send(std::as_bytes(std::span(&number, 1)), Item::kRaw, timeout);
    } else if constexpr (Item::kIsContent) {
      return send_content(Item::kContentKind, std::as_bytes(std::span(item)), timeout);
    } else if constexpr (Item::kIsSpan) {
      return put_numbers(std::span(item), timeout);
    } else if constexpr (Item::kIsBytes) {
      return send(item.bytes(), Raw::kBytes, timeout);
    } else {
      Freight freight;
      dumps(item, freight.bytes());
      return send(freight, timeout);
    }
  }

  template <class Number, std::size_t Extent>
  bool put_numbers(std::span<Number, Extent> numbers, Nanoseconds timeout) {
    constexpr auto kType = detail::NumberType::of<std::remove_const_t<Number>>();
    return send_span(kType.word(), std::as_bytes(numbers), timeout);
  }

  template <class Items>
  std::size_t put_many_within(Items& items, Nanoseconds timeout) {
    const TimeLeft left(timeout);
    std::size_t all = 0;
    auto at = std::ranges::begin(items);
    const auto end = std::ranges::end(items);
    while (at != end) {
      std::size_t sent = 0;
      bool alone = false;  // the next one carries handles, which travel by themselves
      if (!put_batch(at, end, alone, left(), sent)) return all + sent;
      all += sent;
      if (!alone) continue;
      if (!put_within(*at, left())) return all;
      ++at;
      ++all;
    }
    return all;
  }

  template <class At, class End>
  bool put_batch(At& at, End end, bool& alone, Nanoseconds timeout, std::size_t& sent) {
    if constexpr (Item::kIsNumber) {
      std::array<typename Item::Wide, kBatch> numbers;
      std::size_t count = 0;
      for (; at != end && count < kBatch; ++at) {
        numbers[count++] = static_cast<typename Item::Wide>(static_cast<const T&>(*at));
      }
      return send_numbers(std::as_bytes(std::span(numbers.data(), count)), Item::kRaw, timeout,
                          sent);
    } else {
      Freight freight;
      std::vector<Slice>& slices = freight.slices();
      for (; at != end && slices.size() < kBatch && freight.bytes().size() < kGathered; ++at) {
        const std::size_t begin = freight.bytes().size();
        const Raw raw = Item::encode(static_cast<const T&>(*at), freight.bytes());
        if (freight.carries_handles()) {
          freight.bytes().resize_uninitialized(begin);
          alone = true;
          break;
        }
        slices.push_back({begin, freight.bytes().size() - begin, raw});
      }
      return send_many(freight, timeout, sent);
    }
  }

  std::vector<T> get_many_within(std::size_t most, Nanoseconds timeout) {
    std::vector<T> items;
    get_many_into_within(items, most, timeout);
    return items;
  }

  std::size_t get_many_into_within(std::vector<T>& items, std::size_t most, Nanoseconds timeout) {
    const auto append = [&](std::span<const std::byte> bytes, Raw raw) {
      check_form(raw, bytes);
      items.push_back(Item::decoded(bytes, raw));
    };
    return get_many_with(append, most, timeout);
  }

  std::size_t get_many_into_within(std::span<T> items, Nanoseconds timeout) {
    auto next = items.begin();
    const auto read = [&](std::span<const std::byte> bytes, Raw raw) {
      T& item = *next++;
      check_form(raw, bytes);
      read_into(item, bytes, raw);
    };
    return get_many_with(read, items.size(), timeout);
  }

  // After the first batch only what was there by then: producers may be as quick as this is. What
  // is wrong then is for the next call to say, as these items are taken.
  template <class Store>
  std::size_t get_many_with(const Store& store, std::size_t most, Nanoseconds timeout) {
    if (most == 0) return 0;
    std::size_t taken = get_batch(store, most, true, timeout);
    if (taken == 0 || taken == most) return taken;
    const std::size_t limit = std::min(most, taken + left());
    while (taken < limit) {
      const std::size_t more = get_batch(store, limit - taken, false, timeout);
      if (more == 0) break;
      taken += more;
    }
    return taken;
  }

  // For who has taken something: what is wrong is for the next call to say.
  [[nodiscard]] std::size_t left() const noexcept {
    try {
      return qsize();
    } catch (...) {
      return 0;
    }
  }

  template <class Store>
  std::size_t get_batch(const Store& store, std::size_t most, bool first, Nanoseconds timeout) {
    Freight freight;
    try {
      if (receive_many(freight, most, first, timeout) == 0) return 0;
    } catch (...) {
      if (first) throw;
      return 0;
    }
    const auto bytes = freight.received();
    std::exception_ptr error;
    for (const Slice& slice : freight.slices()) {
      try {
        store(bytes.subspan(slice.offset, slice.size), slice.raw);
      } catch (...) {
        if (!error) error = std::current_exception();
      }
    }
    if (error) std::rethrow_exception(error);
    return freight.slices().size();
  }

  std::optional<T> get_within(Nanoseconds timeout) {
    if constexpr (Item::kIsNumber || Item::kIsContent) {
      T item{};
      if (!get_into_within(item, timeout)) return std::nullopt;
      return item;
    } else {
      Freight freight;
      Raw raw{};
      const auto bytes = receive(freight, raw, timeout);
      if (!bytes) return std::nullopt;
      return Item::decoded(*bytes, raw);
    }
  }

  bool get_into_within(T& item, Nanoseconds timeout) {
    if constexpr (Item::kIsContent) {
      std::array<std::byte, kSmall> small;  // NOLINT(*-member-init): as much as comes is written
      std::optional<Freight> larger;
      Raw raw{};
      std::span<const std::byte> bytes;
      const Content came =
          receive_content(Item::kContentKind, {&item, &resize}, small, larger, bytes, raw, timeout);
      if (came == Content::kOther) item = Item::decoded(bytes, raw);
      return came != Content::kNone;
    } else {
      const TimeLeft left(timeout);
      if constexpr (Item::kIsNumber) {
        const Small came = get_number_into(item, timeout);
        if (came != Small::kLarger) return came == Small::kCame;
      }
      Freight freight;
      Raw raw{};
      const auto bytes = receive(freight, raw, left());
      if (bytes) read_into(item, *bytes, raw);
      return bytes.has_value();
    }
  }

  // As all numbers travel. No freight, which a codec would need.
  Small get_number_into(T& item, Nanoseconds timeout) {
    std::array<std::byte, sizeof(typename Item::Wide)> room{};
    std::span<const std::byte> bytes;
    Raw raw{};
    const Small came = receive_small(room, bytes, raw, timeout);
    if (came == Small::kCame) item = Item::decoded(bytes, raw);
    return came;
  }

  static void read_into(T& item, std::span<const std::byte> bytes, Raw raw) {
    if constexpr (Item::kIsContent) {
      const auto content = content_in(Item::kContentKind, bytes, raw);
      if (content.data() != nullptr) {
        const auto place = resize(&item, content.size());
        if (!place.empty()) std::memcpy(place.data(), content.data(), place.size());
        return;
      }
    }
    Item::decode_into(item, bytes, raw);
  }

  static std::span<std::byte> resize(void* object, std::size_t size) {
    T& content = *static_cast<T*>(object);
    if (content.capacity() < size) content = T();  // nothing of it is to be moved
    content.resize(size);
    return std::as_writable_bytes(std::span(content));
  }
};

/// multiprocessing.JoinableQueue: a queue that also knows which items are done. Who has taken one
/// and finished with it calls task_done(); join() waits until that was done for all that were put.
///
/// A consumer that dies with items in hand will not end them: then join() throws ConsumerDied
/// instead of waiting for ever. task_done(), once for each of them, makes it go on. Up to 512
/// processes that take items are told apart; items of more than these are not missed when they die.
///
/// With QueueOptions::redeliver such items go to who gets next, before what is in the queue, and
/// join() never throws ConsumerDied. An item is then delivered at least once, and again only after
/// a death; where an item may be deadly, get_delivery() tells how often it came. An item stays in
/// the hand of the process that took it until task_done(), also where the codec throws; up to 1,024
/// may be in hand (fewer beside large items and loans, but at least half of that): then get throws
/// OutOfMemory, and the item stays. Items are copied, get_view() as well; those with handles are
/// refused (std::invalid_argument).
template <class T>
class JoinableQueue : public Queue<T> {
 public:
  explicit JoinableQueue(std::ptrdiff_t maxsize = 0)
      : JoinableQueue(QueueOptions{.maxsize = maxsize}) {}
  /// Throws what Queue(options) does.
  explicit JoinableQueue(const QueueOptions& options) : Queue<T>(options, true) {}
  /// Throws WrongKind where it is a Queue.
  explicit JoinableQueue(std::shared_ptr<channel::QueueCore> core) : Queue<T>(std::move(core)) {
    this->check_joinable();
  }

  static JoinableQueue open(const std::string& name) {
    return JoinableQueue(JoinableQueue::open_core(name));
  }
  static JoinableQueue attach(int descriptor) {
    return JoinableQueue(JoinableQueue::attach_core({&descriptor, 1}, true));
  }
  static JoinableQueue attach(std::span<const int> descriptors) {
    return JoinableQueue(JoinableQueue::attach_core(descriptors, true));
  }

  /// get() and its kin, with how often the item was delivered: 1 without redelivery.
  [[nodiscard]] Delivery<T> get_delivery() {
    return *this->get_delivery_within(QueueBase::kForever);
  }
  [[nodiscard]] std::optional<Delivery<T>> try_get_delivery() {
    return this->get_delivery_within(QueueBase::Nanoseconds::zero());
  }
  template <class Rep, class Period>
  [[nodiscard]] std::optional<Delivery<T>> get_delivery_for(
      const std::chrono::duration<Rep, Period>& timeout) {
    return this->get_delivery_within(detail::to_nanoseconds(timeout));
  }

  /// An item that was taken, by whomever, is done. Throws NotHeldError where all are. With
  /// redelivery: the oldest that this thread has taken, else that this process has; NotHeldError
  /// where it has none.
  void task_done() const { this->end_item(); }
  /// Waits until all are done. Throws ConsumerDied, but not with redelivery.
  void join() const { static_cast<void>(this->join_within(QueueBase::kForever)); }
  /// False where some are not done after `timeout`.
  template <class Rep, class Period>
  [[nodiscard]] bool join_for(const std::chrono::duration<Rep, Period>& timeout) const {
    return this->join_within(detail::to_nanoseconds(timeout));
  }
};

/// multiprocessing.SimpleQueue: a Queue without a limit.
template <class T>
class SimpleQueue : public Queue<T> {
 public:
  SimpleQueue() = default;
  explicit SimpleQueue(const std::string& name) : Queue<T>(QueueOptions{.name = name}) {}
  explicit SimpleQueue(std::shared_ptr<channel::QueueCore> core) : Queue<T>(std::move(core)) {}

  static SimpleQueue open(const std::string& name) {
    return SimpleQueue(SimpleQueue::open_core(name));
  }
  static SimpleQueue attach(int descriptor) {
    return SimpleQueue(SimpleQueue::attach_core({&descriptor, 1}));
  }
  static SimpleQueue attach(std::span<const int> descriptors) {
    return SimpleQueue(SimpleQueue::attach_core(descriptors));
  }
};

namespace detail {
enum class QueueKind : std::uint8_t { kQueue, kJoinable, kSimple };
void encode_queue(pickle::Encoder& encoder, const QueueBase& queue, QueueKind kind);
std::shared_ptr<channel::QueueCore> decode_queue(const Object& object);
}  // namespace detail

/// As an argument of a process, or through a queue; elsewhere ProcessError.
template <class T>
struct Codec<Queue<T>> {
  static void encode(pickle::Encoder& encoder, const Queue<T>& queue) {
    detail::encode_queue(encoder, queue, detail::QueueKind::kQueue);
  }
  static Queue<T> decode(const Object& object) { return Queue<T>(detail::decode_queue(object)); }
};
template <class T>
struct Codec<JoinableQueue<T>> {
  static void encode(pickle::Encoder& encoder, const JoinableQueue<T>& queue) {
    detail::encode_queue(encoder, queue, detail::QueueKind::kJoinable);
  }
  static JoinableQueue<T> decode(const Object& object) {
    return JoinableQueue<T>(detail::decode_queue(object));
  }
};
template <class T>
struct Codec<SimpleQueue<T>> {
  static void encode(pickle::Encoder& encoder, const SimpleQueue<T>& queue) {
    detail::encode_queue(encoder, queue, detail::QueueKind::kSimple);
  }
  static SimpleQueue<T> decode(const Object& object) {
    return SimpleQueue<T>(detail::decode_queue(object));
  }
};

}  // namespace shoal