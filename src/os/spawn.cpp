#include "os/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <new>
#include <utility>

#include "os/error.hpp"
#include "os/memory.hpp"

namespace shoal::os {
namespace {

constexpr const char* kOwnProgram = "/proc/self/exe";

class FileActions {
 public:
  FileActions() { check(::posix_spawn_file_actions_init(&actions_)); }
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  // A descriptor duplicated onto itself loses close-on-exec, in the child alone.
  void keep(int fd) { check(::posix_spawn_file_actions_adddup2(&actions_, fd, fd)); }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  static void check(int error) {
    if (error != 0) throw_errno("prepare the start of", kOwnProgram, error);
  }
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

pid_t fork_process() {
  const pid_t pid = ::fork();
  if (pid < 0) throw_errno("fork", "this process");
  return pid;
}

// posix_spawn: the child borrows this process's memory until it execs (no page is copied, however
// large this process is), runs nothing but glibc's own code, and its errno is the result.
pid_t spawn_self(const std::vector<std::string>& arguments, std::span<const int> kept) {
  FileActions actions;
  for (const int fd : kept) actions.keep(fd);
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, kOwnProgram, actions.get(), nullptr, pointers.data(), ::environ);
  if (error != 0) {
    throw_errno("run once more", "this program (" + std::string(kOwnProgram) + ")", error);
  }
  return pid;
}

void refuse_cancellation() noexcept { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr); }

void exit_now(int code) noexcept { ::_exit(code); }

void on_exit(void (*handler)(int code)) {
  const auto call = [](int code, void* argument) {
    reinterpret_cast<void (*)(int)>(argument)(code);
  };
  if (::on_exit(call, reinterpret_cast<void*>(handler)) != 0) throw std::bad_alloc();
}

bool has_raised_rights() noexcept { return ::getauxval(AT_SECURE) != 0; }

pid_t process_id() noexcept { return ::getpid(); }
pid_t parent_id() noexcept { return ::getppid(); }

void empty_standard_input() noexcept {
  ::__fpurge(stdin);  // closing it would move the parent's place in a file that it reads
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (stream != STDIN_FILENO && ::fcntl(stream, F_GETFD) >= 0) continue;
    Fd empty(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!empty) continue;
    if (empty.get() != stream) ::dup2(empty.get(), stream);
    else ::fcntl(empty.release(), F_SETFD, 0);
  }
}

void write_error(const std::string& text) noexcept {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    done += static_cast<std::size_t>(count);
  }
}

bool close_on_exec(int fd) noexcept { return ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0; }

Fd readable_for_ever() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("create", "a pipe");
  const Fd closed(ends[1]);  // a pipe that nobody writes to is at its end
  return Fd(ends[0]);
}

std::vector<std::byte> read_all(const Fd& file, const std::string& what) {
  std::vector<std::byte> bytes(size_of(file));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::pread(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("read", what);
    if (count == 0) throw_errno("read", what, EIO);
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

void write_at_start(const Fd& file, std::span<const std::byte> bytes, const std::string& what) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::pwrite(file.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("write", what);
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace shoal::os
