#include "child.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "os/error.hpp"
#include "os/fd.hpp"

namespace shoal::chaos {
namespace {

std::size_t open_descriptors() {
  namespace fs = std::filesystem;
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

// The names that tests of this process make all carry its pid.
std::string names_in_shared_memory() {
  std::string names;
  const std::string mark = ".chaos-" + std::to_string(::getpid());
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    const std::string name = entry.path().filename();
    if (name.find(mark) != std::string::npos) names += " /dev/shm/" + name;
  }
  return names;
}

}  // namespace

Child Child::start(const std::function<void()>& body) {
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  Child child;
  child.pid_ = ::fork();
  if (child.pid_ < 0) os::throw_errno("fork", "a process of the test");
  if (child.pid_ > 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  try {
    body();
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "process %d of the test: %s\n", static_cast<int>(::getpid()),
                 error.what());
    ::_exit(1);
  }
}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(status_, other.status_);
  return *this;
}

Child::~Child() {
  if (pid_ == 0) return;
  kill();
  ::waitpid(pid_, nullptr, __WALL);
}

void Child::send(int signal) const noexcept {
  if (pid_ != 0) ::kill(pid_, signal);
}

void Child::wait_stopped() const {
  siginfo_t info{};
  // WNOWAIT: a child that ended instead stays to be reaped.
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0) {
    os::throw_errno("wait for", "a stopped process");
  }
}

bool Child::wait(os::Deadline deadline) {
  if (pid_ == 0) return true;
  const os::Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  pollfd poll{handle.get(), POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min<os::Nanoseconds>(deadline.at() - os::Clock::now(), std::chrono::hours(1)));
    const int ready = ::poll(&poll, 1, static_cast<int>(std::max<long>(0, left.count())));
    if (ready > 0) break;
    if (ready == 0 && deadline.passed()) return false;
  }
  if (::waitpid(pid_, &status_, __WALL) < 0) os::throw_errno("reap", "a process of the test");
  pid_ = 0;
  return true;
}

void Child::wait_dead() const {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0) {
    os::throw_errno("wait for", "a dead process");
  }
}

void Child::kill() const noexcept { send(SIGKILL); }

char state_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto end = text.rfind(')');
  return end == std::string::npos || end + 2 >= text.size() ? '?' : text[end + 2];
}

void* map_shared(std::size_t size) {
  void* pages = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) os::throw_errno("map", "what the processes of a test share");
  return pages;
}

void unmap_shared(void* pages, std::size_t size) noexcept { ::munmap(pages, size); }

Leftovers::Leftovers() : descriptors_(open_descriptors()) {}

std::string Leftovers::found() const {
  std::string found;
  const auto now = open_descriptors();
  if (now != descriptors_) {
    found += " descriptors: " + std::to_string(descriptors_) + " before, " + std::to_string(now) +
             " now;";
  }
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD) {
    found += " a child, pid " + std::to_string(info.si_pid) + ";";
  }
  return found + names_in_shared_memory();
}

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

bool mode_is(const char* name) {
  const char* mode = std::getenv("SHOAL_CHAOS");
  return mode != nullptr && std::strcmp(mode, name) == 0;
}

bool soaking() { return mode_is("soak"); }
bool brief() { return mode_is("brief"); }

void set_watch_bound(std::chrono::microseconds bound) {
  ::setenv("SHOAL_WATCH_BOUND_US", std::to_string(bound.count()).c_str(), 1);
}

}  // namespace shoal::chaos
