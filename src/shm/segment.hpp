// A segment: one file in memory, opened by a header that says what it is, and mapped.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "os/fd.hpp"
#include "os/memory.hpp"
#include "os/task.hpp"
#include "shm/layout.hpp"
#include "shm/parking.hpp"

namespace shoal::shm {

/// This process's view of one segment. Handles share it by shared_ptr; the last one unmaps and
/// closes it, and the kernel frees an anonymous segment with its last user.
///
/// Thread safety: all but close is safe. Fork: the child's copy is as good. Death: nothing here
/// is written after creation but `size`, which only grows, after the memory was taken.
class Segment {
 public:
  /// Writes the content of a new segment (all zero) before anybody else can see it.
  using Init = std::function<void(std::byte* base)>;

  /// Freed with its last user. `name` is for people, and may be empty.
  static std::shared_ptr<Segment> create(Kind kind, const std::string& name, std::size_t size,
                                         const Init& init);
  /// Lives until unlink(). Appears at once and whole. Throws NameTaken.
  static std::shared_ptr<Segment> create_named(Kind kind, const std::string& name, std::size_t size,
                                               const Init& init);
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static std::shared_ptr<Segment> open_named(Kind kind, const std::string& name,
                                             std::size_t least_size);
  /// By a descriptor that was inherited or received; takes it over, unless it throws. The same
  /// segment is mapped once in a process, however often it arrives.
  static std::shared_ptr<Segment> attach(Kind kind, os::Fd&& file, std::size_t least_size);
  /// Removes the name; those who have the object keep it. Throws NameMissing, WrongOwner, and
  /// WrongKind where a sound object of another kind has that name.
  static void unlink(Kind kind, const std::string& name);

  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  [[nodiscard]] int fd() const noexcept { return file_.get(); }
  [[nodiscard]] const os::Fd& file() const noexcept { return file_; }
  [[nodiscard]] const std::array<std::uint64_t, 2>& id() const noexcept { return id_; }
  /// "queue 'jobs'", for messages.
  [[nodiscard]] const std::string& label() const noexcept { return label_; }
  /// The name alone; empty for a nameless one.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Bounds bounds() const noexcept { return bounds_; }

  /// Two descriptors that belong to the segment and travel with it, in this process: of the pairs
  /// that are given, the first stays. -1 where there are none.
  void accompany(os::Fd first, os::Fd second) const;
  [[nodiscard]] std::array<int, 2> companions() const noexcept;

  /// What follows the header.
  template <class T>
  [[nodiscard]] T& content() const noexcept {
    return *reinterpret_cast<T*>(first_ + kHeaderRoom);
  }

  /// `size` bytes at `offset`, in this process. Throws Damaged where they lie outside.
  [[nodiscard]] std::byte* at(std::uint64_t offset, std::uint64_t size) const {
    const Window* window = window_.load(std::memory_order_acquire);
    const std::uint64_t usable = window->usable.load(std::memory_order_relaxed);
    if (offset > usable || size > usable - offset) [[unlikely]]
      window = widen(offset, size);
    return window->map.data() + offset;
  }

  /// Takes memory for `bytes` from `begin` (whole pages), in it or beyond its end, which moves.
  /// What is there stays. By who has that stretch for itself.
  void grow(std::uint64_t begin, std::uint64_t bytes);
  /// The other way: a stretch (whole pages) that reads as zeros then, and takes no memory.
  void give_back(std::uint64_t begin, std::uint64_t bytes) const noexcept;
  /// What the file has at least.
  [[nodiscard]] std::uint64_t size() const noexcept;
  /// What it has: also what was never taken, or given back.
  [[nodiscard]] std::uint64_t file_size() const { return os::size_of(file_); }

  /// The task word of this process. Throws WrongNamespace when this is a child that lives in
  /// other namespaces than the segment's creator: asked at the first use in each process.
  os::TaskWord user() const {
    const os::TaskWord self = os::self();
    if (self != checked_user_.load(std::memory_order_relaxed)) [[unlikely]]
      check_user(self);
    return self;
  }

  /// Throws Damaged: the label and `what`.
  [[noreturn]] void throw_damaged(const std::string& what) const;

 private:
  // A mapping and how much of it is backed by the file for sure. Wider ones are put in front; old
  // ones stay, as another thread may be reading through them. No lock: a fork might find it held.
  struct Window {
    os::Mapping map;
    mutable std::atomic<std::uint64_t> usable{0};
    const Window* before = nullptr;
  };

  Segment(os::Fd file, os::Mapping first, std::uint64_t usable);
  static std::shared_ptr<Segment> make(Kind kind, const std::string& name, os::Fd file,
                                       std::size_t size, const Init& init);
  static std::shared_ptr<Segment> open(Kind kind, os::Fd&& file, std::size_t least_size,
                                       const std::string& label);
  const Window* widen(std::uint64_t offset, std::uint64_t size) const;
  [[nodiscard]] os::Mapping map_more(std::uint64_t had, std::uint64_t need,
                                     std::uint64_t file_size) const;
  void check_user(os::TaskWord self) const;
  [[nodiscard]] SegmentHeader& header() const noexcept {
    return *reinterpret_cast<SegmentHeader*>(first_);
  }

  os::Fd file_;
  std::byte* first_;  // of the first window: header and content
  std::array<std::uint64_t, 2> id_{};
  std::string name_;
  std::string label_;
  Bounds bounds_{};
  mutable std::atomic<os::TaskWord> checked_user_{0};
  mutable std::atomic<const Window*> window_;
  using Companions = std::array<os::Fd, 2>;
  mutable std::atomic<Companions*> companions_{nullptr};
};

/// Name of a kind for messages: "queue"; and "a queue", "an event".
const char* to_string(Kind kind) noexcept;
std::string with_article(Kind kind);

/// Where a name stands. Throws std::invalid_argument where it is not 1 to 120 bytes without '/',
/// control characters or a leading dot.
std::string path_of(const std::string& name);

}  // namespace shoal::shm
