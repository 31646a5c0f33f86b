#include "stepper.hpp"

#include <elf.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <unordered_map>

#include "os/error.hpp"
#include "watch.hpp"

namespace shoal::chaos {
namespace {

#if defined(__x86_64__)
constexpr std::array<unsigned char, 2> kSystemCall{0x0f, 0x05};
constexpr std::array<unsigned char, 1> kTrap{0xcc};
auto& program_counter(user_regs_struct& registers) { return registers.rip; }
std::uintptr_t return_address(pid_t pid, const user_regs_struct& registers) {
  return static_cast<std::uintptr_t>(
      ::ptrace(PTRACE_PEEKDATA, pid, reinterpret_cast<void*>(registers.rsp), nullptr));
}
#elif defined(__aarch64__)
constexpr std::array<unsigned char, 4> kSystemCall{0x01, 0x00, 0x00, 0xd4};
constexpr std::array<unsigned char, 4> kTrap{0x00, 0x00, 0x20, 0xd4};
auto& program_counter(user_regs_struct& registers) { return registers.pc; }
std::uintptr_t return_address(pid_t, const user_regs_struct& registers) {
  return registers.regs[30];
}
#else
#error "which instruction enters the kernel, and where is the program counter?"
#endif

// A point, and where the bytes changed.
struct Found {
  Point point;
  std::uintptr_t changed = 0;  // 0: a system call
};

// A next step of a copy: it wrote right behind the one before.
bool continues(const Found& before, const Found& now) {
  constexpr std::uintptr_t kWidest = 256;  // bytes that one turn of a copy loop moves
  return before.changed != 0 && now.changed > before.changed &&
         now.changed - before.changed <= kWidest;
}

std::vector<Point> without_the_inner_parts_of_copies(const std::vector<Found>& found) {
  std::vector<Point> points;
  for (std::size_t begin = 0; begin < found.size();) {
    std::size_t end = begin + 1;
    while (end < found.size() && continues(found[end - 1], found[end])) ++end;
    for (std::size_t i = begin; i < end; ++i) {
      const bool outer = i < begin + 2 || i + 2 >= end || i == begin + (end - begin) / 2;
      if (outer) points.push_back(found[i].point);
    }
    begin = end;
  }
  return points;
}

user_regs_struct registers_of(pid_t pid) {
  user_regs_struct registers{};
  iovec place{&registers, sizeof registers};
  if (::ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &place) != 0) {
    os::throw_errno("read", "a victim's registers");
  }
  return registers;
}

void set_address(pid_t pid, std::uintptr_t address) {
  auto registers = registers_of(pid);
  program_counter(registers) = address;
  iovec place{&registers, sizeof registers};
  if (::ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &place) != 0) {
    os::throw_errno("write", "a victim's registers");
  }
}

std::vector<std::uintptr_t> passed_over;

}  // namespace

void pass_over(std::uintptr_t function) { passed_over.push_back(function); }

bool is_system_call(std::uintptr_t address) {
  return std::memcmp(reinterpret_cast<const void*>(address), kSystemCall.data(),
                     kSystemCall.size()) == 0;
}

Stepper::Stepper(const Script& script) {
  child_ = Child::start([&script] {
    script.warm_up();
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) os::throw_errno("be", "traced");
    ::raise(SIGSTOP);
    script.operate();
    ::raise(SIGSTOP);
  });
  int status = 0;
  if (::waitpid(child_.pid(), &status, __WALL) < 0 || !WIFSTOPPED(status)) {
    os::throw_errno("prepare", "a victim (it ended before its operation)", ECHILD);
  }
}

std::uintptr_t Stepper::address() const {
  auto registers = registers_of(child_.pid());
  return program_counter(registers);
}

bool Stepper::step(const WhileAsleep& while_asleep) {
  const bool may_sleep = is_system_call(address());
  if (::ptrace(PTRACE_SINGLESTEP, child_.pid(), nullptr, nullptr) != 0) {
    os::throw_errno("step", "a victim");
  }
  return wait_for_trap(may_sleep, while_asleep);
}

// A victim that sleeps in the kernel comes back by itself, as no sleep is unbounded.
bool Stepper::wait_for_trap(bool may_sleep, const WhileAsleep& while_asleep) {
  int status = 0;
  if (may_sleep && while_asleep) {
    while (::waitpid(child_.pid(), &status, __WALL | WNOHANG) == 0) {
      ::usleep(20);  // the victim may need this core
      if (state_of(child_.pid()) != 'S') continue;
      if (!while_asleep()) return true;
      ::waitpid(child_.pid(), &status, __WALL);
      break;
    }
  } else if (::waitpid(child_.pid(), &status, __WALL) < 0) {
    os::throw_errno("wait for", "a victim");
  }
  if (!WIFSTOPPED(status)) {
    child_ = Child();
    throw std::runtime_error("the victim ended in the middle of its operation");
  }
  return WSTOPSIG(status) == SIGTRAP;
}

// An instruction of the victim, replaced by a trap for the length of a scope. Where that cannot be
// done (the kernel's page of code), it is not planted.
class Stepper::Breakpoint {
 public:
  Breakpoint(pid_t pid, std::uintptr_t address) : pid_(pid), address_(address) {
    // The victim's code is this process's code.
    std::memcpy(&code_, pointer(), sizeof code_);
    long trap = code_;
    std::memcpy(&trap, kTrap.data(), kTrap.size());
    planted_ = ::ptrace(PTRACE_POKETEXT, pid_, pointer(), trap) == 0;
  }
  Breakpoint(const Breakpoint&) = delete;
  Breakpoint& operator=(const Breakpoint&) = delete;
  ~Breakpoint() {
    if (planted_) ::ptrace(PTRACE_POKETEXT, pid_, pointer(), code_);
  }
  [[nodiscard]] bool planted() const noexcept { return planted_; }

 private:
  [[nodiscard]] void* pointer() const { return reinterpret_cast<void*>(address_); }
  pid_t pid_;
  std::uintptr_t address_;
  long code_ = 0;
  bool planted_ = false;
};

// Leaves the victim in front of the instruction there. False: its operation has ended.
bool Stepper::continue_to(std::uintptr_t target, const WhileAsleep& while_asleep) {
  if (address() == target) return true;
  const Breakpoint breakpoint(pid(), target);
  if (!breakpoint.planted()) {
    while (address() != target) {
      if (!step(while_asleep)) return false;
    }
    return true;
  }
  if (::ptrace(PTRACE_CONT, pid(), nullptr, nullptr) != 0) os::throw_errno("continue", "a victim");
  if (!wait_for_trap(true, while_asleep)) return false;
  set_address(pid(), target);
  return true;
}

bool Stepper::finish_function(const WhileAsleep& while_asleep) {
  return continue_to(return_address(pid(), registers_of(pid())), while_asleep);
}

namespace {

// While it lives, this process and its victim share a core: they go by turns, and on two cores that
// are idle otherwise each turn would cost waking one of them. Not where others come in meanwhile,
// who would have to share it as well.
class OnOneCore {
 public:
  explicit OnOneCore(pid_t victim) : victim_(victim) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(std::max(0, ::sched_getcpu())), &one);
    ::sched_getaffinity(0, sizeof all_, &all_);
    set(one);
  }
  OnOneCore(const OnOneCore&) = delete;
  OnOneCore& operator=(const OnOneCore&) = delete;
  ~OnOneCore() { set(all_); }

 private:
  void set(const cpu_set_t& cores) const {
    ::sched_setaffinity(0, sizeof cores, &cores);
    ::sched_setaffinity(victim_, sizeof cores, &cores);  // which may have ended
  }
  pid_t victim_;
  cpu_set_t all_{};
};

}  // namespace

bool Stepper::run_to(const Point& point, const WhileAsleep& while_asleep) {
  std::optional<OnOneCore> together;
  if (!while_asleep) together.emplace(pid());
  for (std::uint64_t seen = 1; seen < point.occurrence; ++seen) {
    if (!continue_to(point.address, while_asleep) || !step(while_asleep)) return false;
  }
  if (!continue_to(point.address, while_asleep)) return false;
  if (!point.asleep) return step(while_asleep);
  return step([] { return false; });
}

void Stepper::let_go() {
  ::ptrace(PTRACE_DETACH, child_.pid(), nullptr, SIGCONT);
  if (!child_.wait(os::Deadline::after(kDeadline)) || !child_.succeeded()) {
    throw std::runtime_error("the victim did not end well after its operation");
  }
}

void Stepper::kill(bool reap) {
  child_.kill();
  siginfo_t info{};
  // A traced zombie shows itself to its tracer; WNOWAIT leaves it where it is.
  ::waitid(P_PID, static_cast<id_t>(child_.pid()), &info, WEXITED | WNOWAIT | __WALL);
  if (reap) child_ = Child();
}

Recording record(Stepper& victim, const Watching& watching,
                 const Stepper::WhileAsleep& while_asleep, bool each_step) {
  std::optional<OnOneCore> together;
  if (!while_asleep) together.emplace(victim.pid());
  Recording recording;
  Watch watch(watching);
  std::vector<Found> found;
  std::unordered_map<std::uintptr_t, std::uint64_t> occurrences;
  for (;;) {
    const std::uintptr_t address = victim.address();
    if (std::find(passed_over.begin(), passed_over.end(), address) != passed_over.end()) {
      if (!victim.finish_function(while_asleep)) break;
      continue;
    }
    const std::uint64_t occurrence = ++occurrences[address];
    const bool system_call = is_system_call(address);
    bool slept = false;
    const bool running = victim.step([&] {
      if (!slept) found.push_back({{address, occurrence, true}});
      slept = true;
      return !while_asleep || while_asleep();
    });
    if (!running) break;
    ++recording.steps;
    if (each_step) recording.all.push_back({address, occurrence});
    const auto changed = watch.change();
    if (changed || system_call) {
      found.push_back({{address, occurrence, false}, system_call ? 0 : *changed});
    }
  }
  recording.points = without_the_inner_parts_of_copies(found);
  return recording;
}

}  // namespace shoal::chaos
