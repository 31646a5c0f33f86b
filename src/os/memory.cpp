#include "os/memory.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <shoal/error.hpp>
#include <utility>

#include "os/error.hpp"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // Linux 6.3; needed where vm.memfd_noexec is 2
#endif

namespace shoal::os {
namespace {

// Below this a look at the cgroup's files costs more than the memory.
constexpr std::uint64_t kAskForRoomFrom = 1U << 20U;

// Older kernels undo the whole of a call to fallocate at any signal: a call must be short enough
// to come through between two of them.
constexpr std::uint64_t kStep = 256U << 10U;

// A file that would grow from `offset` by `size` bytes, for whom, and what stands against it.
struct Wish {
  std::uint64_t offset;
  std::uint64_t size;
  const std::string& object;
};

[[noreturn]] void throw_no_room(const Wish& wish, const std::string& limit) {
  throw OutOfMemory(wish.object + " has " + std::to_string(wish.offset) +
                    " bytes of shared memory and no room for " + std::to_string(wish.size) +
                    " more: " + limit);
}

std::string describe(const char* whose, std::uint64_t limit, std::uint64_t left) {
  return std::string(whose) + " has " + std::to_string(left) + " of " + std::to_string(limit) +
         " bytes left";
}

std::string describe(const MemoryLeft& left) {
  return describe(left.whose, left.limit, left.bytes);
}

// A nameless file lies in a file system of the kernel's own that has no limit but the machine's.
std::string describe_file_system(const Fd& file) {
  struct ::statvfs facts{};
  if (::fstatvfs(file.get(), &facts) != 0 || facts.f_blocks == 0) return describe(memory_left());
  return describe(shared_folder(), facts.f_blocks * facts.f_frsize,
                  facts.f_bavail * facts.f_frsize);
}

void ask_file_size_limit(const Wish& wish) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  if (wish.offset + wish.size > limit.rlim_cur) {
    throw_no_room(wish,
                  "the limit on file size (RLIMIT_FSIZE) is " + std::to_string(limit.rlim_cur));
  }
}

void ask_memory_left(const Wish& wish) {
  if (wish.size < kAskForRoomFrom) return;
  const MemoryLeft left = memory_left();
  if (wish.size > left.bytes) throw_no_room(wish, describe(left));
}

[[noreturn]] void throw_cannot_map(const std::string& object, std::size_t size) {
  rlimit limit{};
  const bool limited = ::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  throw OutOfMemory("no room in this process's address space for " + std::to_string(size) +
                    " bytes of " + object + ": " +
                    (limited ? "its limit (RLIMIT_AS) is " + std::to_string(limit.rlim_cur)
                             : "it is full, or has too many mappings (vm.max_map_count)"));
}

}  // namespace

Fd create_memory_file(const std::string& name) {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd file(::memfd_create(name.c_str(), kFlags | MFD_NOEXEC_SEAL));
  if (!file && errno == EINVAL) file = Fd(::memfd_create(name.c_str(), kFlags));
  if (!file) throw_errno("create shared memory for", name);
  if (::fchmod(file.get(), 0600) != 0) throw_errno("restrict access to", name);
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK) != 0) throw_errno("seal", name);
  return above_standard_streams(std::move(file), name.c_str());
}

Fd create_unnamed_file() {
  Fd file(::open(shared_folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) throw_errno("create a file in", shared_folder());
  if (::fchmod(file.get(), 0600) != 0) throw_errno("restrict access in", shared_folder());
  return above_standard_streams(std::move(file), "a named object");
}

bool give_name(const Fd& file, const std::string& path) {
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno == EEXIST) return false;
  throw_errno("make visible", path);
}

Fd open_existing(const std::string& path, int& error) {
  Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  error = file ? 0 : errno;
  return above_standard_streams(std::move(file), path.c_str());
}

int remove_name(const std::string& path) noexcept {
  return ::unlink(path.c_str()) == 0 ? 0 : errno;
}

FileFacts facts_of(const Fd& file) {
  struct ::stat info{};
  if (::fstat(file.get(), &info) != 0) throw_errno("examine", "shared memory");
  return {static_cast<std::uint64_t>(info.st_size), info.st_uid, S_ISREG(info.st_mode), info.st_dev,
          info.st_ino};
}

std::uint32_t user_id() noexcept { return ::geteuid(); }

std::uint64_t random_word() {
  std::uint64_t word = 0;
  if (::getrandom(&word, sizeof word, 0) != sizeof word) throw_errno("draw", "random bits");
  return word;
}

namespace {

int allocate_step(const Fd& file, int mode, std::uint64_t offset, std::uint64_t size) noexcept {
  for (;;) {
    if (::fallocate(file.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(size)) == 0) {
      return 0;
    }
    if (errno != EINTR) return errno;
  }
}

// 0 or the errno. Only the last step makes the file larger, so that a failure, or a death, leaves
// it as it was; what was taken beyond its end is given back, or taken again by the next.
int allocate(const Fd& file, std::uint64_t offset, std::uint64_t size) noexcept {
  std::uint64_t done = 0;
  while (done < size) {
    const std::uint64_t step = std::min(kStep, size - done);
    const int mode = done + step < size ? FALLOC_FL_KEEP_SIZE : 0;
    const int error = allocate_step(file, mode, offset + done, step);
    if (error != 0) {
      if (done != 0) give_back_memory(file, offset, done);
      return error;
    }
    done += step;
  }
  return 0;
}

}  // namespace

void take_memory(const Fd& file, std::uint64_t offset, std::uint64_t size,
                 const std::string& object) {
  const Wish wish{offset, size, object};
  ask_file_size_limit(wish);
  ask_memory_left(wish);
  const int error = allocate(file, offset, size);
  if (error == 0) return;
  if (error == ENOSPC) throw_no_room(wish, describe_file_system(file));
  if (error == EFBIG) throw_no_room(wish, "larger than any file may be");
  if (error == ENOMEM) throw_no_room(wish, describe(memory_left()));
  throw_errno("take memory for", object, error);
}

void give_back_memory(const Fd& file, std::uint64_t offset, std::uint64_t size) noexcept {
  const int before = errno;
  ::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
              static_cast<off_t>(size));
  errno = before;
}

void prefer_large_pages(std::byte* begin, std::size_t size) noexcept {
  constexpr std::size_t kLargePage = 2U << 20U;
  const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % kLargePage;
  if (size < 2 * kLargePage) return;
  const int error = errno;
  ::madvise(begin + before, (size - before) / kLargePage * kLargePage, MADV_HUGEPAGE);
  errno = error;
}

std::size_t page_size() noexcept {
  // No static of the function with a guard: a fork while another thread holds that would leave the
  // child waiting for it for ever.
  static constinit std::atomic<std::size_t> known{0};
  std::size_t size = known.load(std::memory_order_relaxed);
  if (size == 0) {
    size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    known.store(size, std::memory_order_relaxed);
  }
  return size;
}

Mapping::Mapping(const Fd& file, std::size_t size, const std::string& object) : size_(size) {
  void* data =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.get(), 0);
  if (data == MAP_FAILED) {
    if (errno == ENOMEM) throw_cannot_map(object, size);
    throw_errno("map", object);
  }
  data_ = static_cast<std::byte*>(data);
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace shoal::os
