#include "os/pidfd.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "os/error.hpp"

namespace shoal::os {
namespace {

constexpr auto kPidfd = static_cast<idtype_t>(3);  // P_PIDFD: glibc has it since 2.36

int code_of(const siginfo_t& info) noexcept {
  return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

}  // namespace

Fd try_open_pidfd(pid_t pid) noexcept {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

Fd open_pidfd(pid_t pid) {
  Fd fd = try_open_pidfd(pid);
  if (!fd) throw_errno("open a descriptor of", "process " + std::to_string(pid));
  return fd;
}

std::optional<Ended> try_reap(const Fd& pidfd) {
  siginfo_t info{};
  int result = 0;
  do {
    result = ::waitid(kPidfd, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG);
  } while (result != 0 && errno == EINTR);
  if (result != 0) {
    if (errno == ECHILD) return Ended{};
    throw_errno("wait for", "a child process");
  }
  if (info.si_pid == 0) return std::nullopt;
  return Ended{code_of(info)};
}

pid_t try_reap_any(int& code) noexcept {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0) return 0;
  code = code_of(info);
  return info.si_pid;
}

void destroy_child(pid_t pid) noexcept {
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

bool send_signal(const Fd& pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0) return true;
  if (errno == ESRCH) return false;
  throw_errno("send a signal to", "a child process");
}

}  // namespace shoal::os
