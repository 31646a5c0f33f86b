#include "shm/segment.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <shoal/error.hpp>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "os/error.hpp"
#include "shm/registry.hpp"

namespace shoal::shm {
namespace {

constexpr std::uint32_t kWatchBoundUs = 25'000;
constexpr std::uint32_t kSleepBoundUs = 1'000'000;
constexpr std::size_t kLongestName = 120;
constexpr std::uint64_t kFirstWideWindow = 1ULL << 30U;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

// Tests that kill thousands of processes set SHOAL_WATCH_BOUND_US, so that each costs less time.
std::uint32_t watch_bound_us() {
  const char* text = std::getenv("SHOAL_WATCH_BOUND_US");
  if (text == nullptr) return kWatchBoundUs;
  const long value = std::strtol(text, nullptr, 10);
  return value > 0 && value <= kWatchBoundUs ? static_cast<std::uint32_t>(value) : kWatchBoundUs;
}

std::string label_of(Kind kind, const std::string& name) {
  return name.empty() ? std::string("a nameless ") + to_string(kind)
                      : std::string(to_string(kind)) + " '" + name + "'";
}

void write_header(SegmentHeader& header, Kind kind, const std::string& name, std::size_t size) {
  const os::Namespaces spaces = os::namespaces();
  header.magic = kMagic;
  header.version = kLayoutVersion;
  header.kind = kind;
  header.id = {os::random_word(), os::random_word()};
  header.creator = os::self();
  header.pid_namespace = spaces.pid;
  header.time_namespace = spaces.time;
  header.watch_bound_us = watch_bound_us();
  header.sleep_bound_us = kSleepBoundUs;
  header.size.store(size, std::memory_order_relaxed);
  name.copy(header.name.data(), header.name.size() - 1);
}

// Throws where the header is not that of a segment of this kind, version and these namespaces.
void check_header(const SegmentHeader& header, Kind kind, const os::Fd& file,
                  std::size_t least_size, const std::string& label) {
  if (header.magic != kMagic) throw Damaged(label + " is not a shoal object");
  if (header.version != kLayoutVersion) {
    throw WrongVersion(label + " has layout version " + std::to_string(header.version) +
                       ", this shoal reads version " + std::to_string(kLayoutVersion) +
                       ": use the same release of shoal in all programs");
  }
  if (header.kind != kind) {
    throw WrongKind(label + " cannot be opened: " + with_article(header.kind) + " has that name, " +
                    with_article(kind) + " was asked for");
  }
  // The size is read before that of the file: others may be growing both, the file first.
  const auto size = header.size.load(std::memory_order_acquire);
  const std::uint64_t file_size = os::facts_of(file).size;
  if (size < least_size || size > file_size) {
    throw Damaged(label + " is cut short: " + std::to_string(file_size) +
                  " bytes, its header says " + std::to_string(size) + ", the least is " +
                  std::to_string(least_size));
  }
  if (header.watch_bound_us == 0 || header.sleep_bound_us == 0 || header.name.back() != '\0') {
    throw Damaged(label + " has an impossible header");
  }
  const os::Namespaces spaces = os::namespaces();
  if (header.pid_namespace != spaces.pid || header.time_namespace != spaces.time) {
    throw WrongNamespace(label + " was made in another " +
                         (header.pid_namespace != spaces.pid ? "pid" : "time") +
                         " namespace: who owns what cannot be told from here");
  }
}

os::Fd open_file(const std::string& name, const std::string& label) {
  int error = 0;
  os::Fd file = os::open_existing(path_of(name), error);
  if (error == ENOENT) throw NameMissing("there is no " + label);
  if (error == EACCES) throw WrongOwner(label + " belongs to another user");
  if (error != 0) os::throw_errno("open", label, error);
  const os::FileFacts facts = os::facts_of(file);
  if (facts.owner != os::user_id()) {
    throw WrongOwner(label + " belongs to another user (uid " + std::to_string(facts.owner) + ")");
  }
  if (!facts.regular) throw Damaged(label + " is not a shoal object");
  return file;
}

// What cannot be opened or read, is cut short, or is of another layout version may be removed as
// whatever one likes: nothing but unlink() would do so.
void refuse_other_kinds(Kind kind, const std::string& path, const std::string& label) {
  int error = 0;
  const os::Fd file = os::open_existing(path, error);
  if (error == EMFILE || error == ENFILE) os::throw_errno("open", label, error);
  if (error != 0) return;
  const os::FileFacts facts = os::facts_of(file);
  if (!facts.regular || facts.size < kHeaderRoom) return;
  const os::Mapping map(file, kHeaderRoom, label);
  const auto& header = *reinterpret_cast<const SegmentHeader*>(map.data());
  if (header.magic != kMagic || header.version != kLayoutVersion || header.kind == kind) return;
  if (header.size.load(std::memory_order_acquire) > facts.size) return;
  throw WrongKind(label + " cannot be removed: a " + to_string(header.kind) + " has that name, a " +
                  to_string(kind) + " was to be removed");
}

}  // namespace

const char* to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::kQueue: return "queue";
    case Kind::kLock: return "lock";
    case Kind::kSlab: return "slab";
    case Kind::kRLock: return "rlock";
    case Kind::kSemaphore: return "semaphore";
    case Kind::kEvent: return "event";
    case Kind::kCondition: return "condition";
    case Kind::kBarrier: return "barrier";
  }
  return "object of unknown kind";
}

std::string with_article(Kind kind) {
  const std::string name = to_string(kind);
  return (name[0] == 'e' || name[0] == 'o' ? "an " : "a ") + name;
}

std::string path_of(const std::string& name) {
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return c != '/' && static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  });
  if (name.empty() || name.size() > kLongestName || name.front() == '.' || !printable) {
    throw std::invalid_argument("a name has 1 to " + std::to_string(kLongestName) +
                                " bytes without '/', control characters or a leading dot, not '" +
                                name + "'");
  }
  return std::string(os::shared_folder()) + "shoal." + name;
}

Segment::Segment(os::Fd file, os::Mapping first, std::uint64_t usable)
    : file_(std::move(file)), first_(first.data()) {
  auto window = std::make_unique<Window>();
  window->map = std::move(first);
  window->usable = usable;
  window_ = window.release();
  const SegmentHeader& head = header();
  id_ = head.id;
  name_ = std::string(head.name.data(), ::strnlen(head.name.data(), head.name.size()));
  label_ = label_of(head.kind, name_);
  bounds_ = {std::chrono::microseconds(head.watch_bound_us),
             std::chrono::microseconds(head.sleep_bound_us)};
}

Segment::~Segment() {
  for (const Window* window = window_; window != nullptr;) {
    delete std::exchange(window, window->before);
  }
  delete companions_.load();
}

void Segment::accompany(os::Fd first, os::Fd second) const {
  auto given = std::make_unique<Companions>(Companions{std::move(first), std::move(second)});
  Companions* known = nullptr;
  if (companions_.compare_exchange_strong(known, given.get(), std::memory_order_acq_rel)) {
    [[maybe_unused]] const Companions* kept = given.release();  // companions_ has it now
    return;
  }
  // As with the segment's own descriptor: where they arrive once more as the same numbers, they
  // are closed once.
  for (auto& fd : *given) {
    for (const auto& other : *known) {
      if (fd.get() == other.get()) fd.release();
    }
  }
}

std::array<int, 2> Segment::companions() const noexcept {
  const Companions* known = companions_.load(std::memory_order_acquire);
  if (known == nullptr) return {-1, -1};
  return {known->at(0).get(), known->at(1).get()};
}

std::shared_ptr<Segment> Segment::make(Kind kind, const std::string& name, os::Fd file,
                                       std::size_t size, const Init& init) {
  const std::uint64_t whole = round_up(size, os::page_size());
  const std::string label = label_of(kind, name);
  os::take_memory(file, 0, whole, label);
  os::Mapping map(file, whole, label);
  write_header(*reinterpret_cast<SegmentHeader*>(map.data()), kind, name, whole);
  init(map.data());
  return std::shared_ptr<Segment>(new Segment(std::move(file), std::move(map), whole));
}

std::shared_ptr<Segment> Segment::create(Kind kind, const std::string& name, std::size_t size,
                                         const Init& init) {
  auto file = os::create_memory_file("shoal:" + (name.empty() ? to_string(kind) : name));
  return registered(make(kind, name, std::move(file), size, init));
}

std::shared_ptr<Segment> Segment::create_named(Kind kind, const std::string& name, std::size_t size,
                                               const Init& init) {
  const std::string path = path_of(name);
  auto segment = make(kind, name, os::create_unnamed_file(), size, init);
  if (!os::give_name(segment->file(), path)) {
    throw NameTaken("there is already an object named '" + name + "': open it with open('" + name +
                    "'), or remove it with unlink('" + name + "')");
  }
  return registered(std::move(segment));
}

std::shared_ptr<Segment> Segment::open(Kind kind, os::Fd&& file, std::size_t least_size,
                                       const std::string& label) {
  const std::uint64_t size = os::facts_of(file).size;
  if (size < kHeaderRoom) {
    throw Damaged(label + " is cut short: " + std::to_string(size) + " bytes");
  }
  os::Mapping map(file, size, label);
  check_header(*reinterpret_cast<const SegmentHeader*>(map.data()), kind, file, least_size, label);
  return std::shared_ptr<Segment>(new Segment(std::move(file), std::move(map), size));
}

std::shared_ptr<Segment> Segment::open_named(Kind kind, const std::string& name,
                                             std::size_t least_size) {
  const std::string label = label_of(kind, name);
  return registered(open(kind, open_file(name, label), least_size, label));
}

std::shared_ptr<Segment> Segment::attach(Kind kind, os::Fd&& file, std::size_t least_size) {
  const std::string label =
      "the " + std::string(to_string(kind)) + " behind descriptor " + std::to_string(file.get());
  // Two handles of one segment may arrive as the same number (inherited by spawn): it is closed
  // once, by the segment that has it.
  if (auto known = owner_of(file.get())) {
    file.release();
    if (known->header().kind != kind) throw WrongKind(label + " is a " + known->label());
    return known;
  }
  return registered(open(kind, std::move(file), least_size, label));
}

// Looking and removing are two steps: should an object be removed and another kind be made under
// the same name between them, the new one is removed.
void Segment::unlink(Kind kind, const std::string& name) {
  const std::string label = label_of(kind, name);
  const std::string path = path_of(name);
  refuse_other_kinds(kind, path, label);
  const int error = os::remove_name(path);
  if (error == 0) return;
  if (error == ENOENT) throw NameMissing("there is no " + label);
  if (error == EPERM || error == EACCES) throw WrongOwner(label + " belongs to another user");
  os::throw_errno("remove", label, error);
}

std::uint64_t Segment::size() const noexcept {
  return header().size.load(std::memory_order_acquire);
}

// Killed between the two steps: the memory lies beyond `size`, and the next to grow takes the same
// stretch again, which is then already there.
void Segment::grow(std::uint64_t begin, std::uint64_t bytes) {
  if (begin % os::page_size() != 0 || bytes % os::page_size() != 0) throw_damaged("odd size");
  os::take_memory(file_, begin, bytes, label_);
  static_cast<void>(
      at(begin, bytes));  // mapped before it is promised to others: a failure changes nothing
  std::uint64_t known = size();
  while (begin + bytes > known &&
         !header().size.compare_exchange_weak(known, begin + bytes, std::memory_order_acq_rel)) {
  }
}

void Segment::give_back(std::uint64_t begin, std::uint64_t bytes) const noexcept {
  os::give_back_memory(file_, begin, bytes);
}

const Segment::Window* Segment::widen(std::uint64_t offset, std::uint64_t size) const {
  const std::uint64_t file_size = os::facts_of(file_).size;
  if (offset > file_size || size > file_size - offset) {
    throw_damaged("a position outside of it: " + std::to_string(offset) + " + " +
                  std::to_string(size) + " of " + std::to_string(file_size));
  }
  const auto all_of = [file_size](const Window* window) {
    window->usable.store(std::min<std::uint64_t>(file_size, window->map.size()),
                         std::memory_order_relaxed);
    return window;
  };
  const Window* now = window_.load(std::memory_order_acquire);
  if (offset + size <= now->map.size()) return all_of(now);
  auto wide = std::make_unique<Window>();
  wide->map = map_more(now->map.size(), offset + size, file_size);
  all_of(wide.get());
  wide->before = now;
  while (!window_.compare_exchange_weak(wide->before, wide.get(), std::memory_order_acq_rel)) {
    // Another thread was first. A narrower window must not come to stand before a wider one.
    if (wide->before->map.size() >= wide->map.size()) return all_of(wide->before);
  }
  return wide.release();
}

// Address space costs nothing but under RLIMIT_AS. There each window is twice as wide as the last,
// so that all together, as the old ones stay, take no more than four times what is used; and where
// even that is too much, no wider than the file.
os::Mapping Segment::map_more(std::uint64_t had, std::uint64_t need,
                              std::uint64_t file_size) const {
  const std::uint64_t doubled = std::max(2 * had, need);
  for (const std::uint64_t span : {std::max(kFirstWideWindow, std::bit_ceil(need) * 4), doubled}) {
    try {
      return {file_, span, label_};
    } catch (const OutOfMemory&) {  // NOLINT(bugprone-empty-catch): less, then
    }
  }
  return {file_, file_size, label_};
}

void Segment::check_user(os::TaskWord self) const {
  const os::Namespaces spaces = os::namespaces();
  const SegmentHeader& head = header();
  if (head.pid_namespace != spaces.pid || head.time_namespace != spaces.time) {
    throw WrongNamespace(label_ + " was made in another pid or time namespace than that of this " +
                         "process: who owns what cannot be told from here");
  }
  checked_user_.store(self, std::memory_order_relaxed);
}

void Segment::throw_damaged(const std::string& what) const {
  throw Damaged(label_ + " is damaged: " + what);
}

}  // namespace shoal::shm
