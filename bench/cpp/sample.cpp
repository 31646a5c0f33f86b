#include "sample.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <stdexcept>

namespace bench {
namespace {

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

[[noreturn]] void run_child(pid_t parent, const std::function<void()>& body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  try {
    body();
    ::_exit(0);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "in a child: %s\n", error.what());
    ::kill(parent, SIGTERM);  // it would wait for this child for ever
    ::_exit(1);
  }
}

}  // namespace

void pin(const Options& options, std::size_t process) {
  static const std::vector<int> cores = allowed_cores();  // as they were before the first pin()
  if (!options.pinned || cores.size() < 2) return;
  const std::size_t place = process == 0 ? 0 : 1 + (process - 1) % (cores.size() - 1);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cores[place], &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) {
    throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
  }
}

Child::Child(const std::function<void()>& body) {
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid_ == 0) run_child(parent, body);
}

Child::~Child() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Child::join() {
  int status = 0;
  ::waitpid(std::exchange(pid_, 0), &status, 0);
  if (status != 0) throw std::runtime_error("a child failed");
}

Percentiles percentiles(const Options& options, const std::function<void()>& step) {
  constexpr std::size_t kMost = 4U << 20U;
  repeat(options.warm_up, step);
  std::vector<std::int64_t> times;
  times.reserve(kMost);
  const auto start = Clock::now();
  auto before = start;
  do {
    step();
    const auto now = Clock::now();
    times.push_back(std::chrono::nanoseconds(now - before).count());
    before = now;
  } while (before - start < options.sample && times.size() < kMost);
  std::sort(times.begin(), times.end());
  const auto at = [&](std::size_t percent) {
    return static_cast<double>(times[(times.size() - 1) * percent / 100]);
  };
  return {at(50), at(99)};
}

}  // namespace bench
