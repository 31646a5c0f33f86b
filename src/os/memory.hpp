// Files that live in memory, mappings of them, and the question whether there is room for more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "os/fd.hpp"

namespace shoal::os {

/// An anonymous file in memory: mode 0600, close-on-exec, sealed against shrinking (so that no
/// peer can cause SIGBUS), freed by the kernel with its last user. Empty.
Fd create_memory_file(const std::string& name);

/// A nameless file in the folder of named shared memory, mode 0600: give_name() makes it visible.
Fd create_unnamed_file();

/// Makes an unnamed file visible under `path`, at once and whole. False where the path is taken.
bool give_name(const Fd& file, const std::string& path);

/// Opens an existing file for reading and writing, close-on-exec, not through a symbolic link.
/// Empty where that fails: `error` is then the errno.
Fd open_existing(const std::string& path, int& error);

/// Removes a name; 0 or the errno.
int remove_name(const std::string& path) noexcept;

/// What the system says of an open file.
struct FileFacts {
  std::uint64_t size = 0;
  std::uint32_t owner = 0;   ///< user id
  bool regular = false;      ///< a file, not a folder, device or the like
  std::uint64_t device = 0;  ///< with inode: which file it is, whatever its name or content
  std::uint64_t inode = 0;
};
FileFacts facts_of(const Fd& file);
inline std::uint64_t size_of(const Fd& file) { return facts_of(file).size; }

/// The user id that this process acts as.
std::uint32_t user_id() noexcept;

/// 64 random bits that no other process draws.
std::uint64_t random_word();

/// The folder of named shared memory, with a slash at the end.
constexpr const char* shared_folder() noexcept { return "/dev/shm/"; }

/// Makes `size` bytes from `offset` part of the file and takes memory for them, so that touching
/// them later can neither fail nor kill. Before that it asks RLIMIT_FSIZE (the kernel would send
/// SIGXFSZ) and, for a mebibyte and more, what machine and memory cgroup have left (the OOM killer
/// otherwise). Throws OutOfMemory that names `object`; then nothing has changed. Idempotent. The
/// range must be nobody's yet.
void take_memory(const Fd& file, std::uint64_t offset, std::uint64_t size,
                 const std::string& object);

/// Gives the memory of that range back to the system; it reads as zeros afterwards. The file
/// keeps its size. Best effort.
void give_back_memory(const Fd& file, std::uint64_t offset, std::uint64_t size) noexcept;

/// Memory that can still be had before the first limit is reached, in bytes.
struct MemoryLeft {
  std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  const char* whose = "the machine";  ///< or the memory cgroup: whose limit that is
};

/// What the machine and this process's memory cgroups, and all above them, have left.
MemoryLeft memory_left() noexcept;

/// Lets the system use large pages for memory of this process that is to be written for the first
/// time: of a few MiB and more, it is there several times sooner. Best effort.
void prefer_large_pages(std::byte* begin, std::size_t size) noexcept;

/// Bytes of the unit of mappings.
std::size_t page_size() noexcept;

/// A shared mapping of a file, readable and writable. Unmapped at the end of its life.
class Mapping {
 public:
  Mapping() noexcept = default;
  /// Maps the first `size` bytes; they may lie beyond the end of the file, for growth to come.
  Mapping(const Fd& file, std::size_t size, const std::string& object);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace shoal::os
