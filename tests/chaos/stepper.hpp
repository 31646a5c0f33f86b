// Runs one operation of another process instruction by instruction, and stops it wherever a death
// makes a difference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "child.hpp"
#include "watch.hpp"

namespace shoal::chaos {

/// A place to die: right after the instruction at `address` ran for the `occurrence`-th time, or,
/// where `asleep`, while it sleeps in the system call that this instruction makes. Address and
/// occurrence are the same in every child of one process, whatever the others do meanwhile and
/// however long a loop turned elsewhere; a count of steps is not.
struct Point {
  std::uintptr_t address = 0;
  std::uint64_t occurrence = 0;
  bool asleep = false;
};

/// What runs in the victim, and when.
struct Script {
  std::function<void()> warm_up;  ///< before the first step
  std::function<void()> operate;  ///< step by step
};

/// A victim, stopped before the first instruction of its operation. Single-threaded; the
/// supervisor's thread that made it must be the one that drives it.
class Stepper {
 public:
  explicit Stepper(const Script& script);

  /// Runs one instruction. False: the operation has ended instead. `while_asleep` is called when
  /// the victim is found sleeping in a system call: true lets it sleep on, false returns now.
  using WhileAsleep = std::function<bool()>;
  bool step(const WhileAsleep& while_asleep = {});

  /// In front of the first instruction of a function: runs to its return at full speed.
  bool finish_function(const WhileAsleep& while_asleep);
  /// Runs to `point`, at full speed from one occurrence to the next. False: the operation ended
  /// before; it came to no such point this time.
  bool run_to(const Point& point, const WhileAsleep& while_asleep);

  /// Lets a victim whose operation has ended go on to its end.
  void let_go();
  /// SIGKILL. `reap` false: it stays a zombie for as long as this object lives.
  void kill(bool reap);

  [[nodiscard]] std::uintptr_t address() const;
  [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }

 private:
  class Breakpoint;
  bool continue_to(std::uintptr_t target, const WhileAsleep& while_asleep);
  bool wait_for_trap(bool may_sleep, const WhileAsleep& while_asleep);
  Child child_;
};

/// Whether the instruction there enters the kernel. Asked of this process's own code, which a
/// forked victim shares.
bool is_system_call(std::uintptr_t address);

/// One whole run of an operation.
struct Recording {
  std::uint64_t steps = 0;
  std::vector<Point> points;  ///< after which the watched bytes differ or a system call returned
  std::vector<Point> all;     ///< each step, where that was asked for
};

/// A function that reads much of the system and writes nothing that is shared: no death in it makes
/// a difference, and it takes a hundred thousand steps.
void pass_over(std::uintptr_t function);

/// Runs the victim to its end. Of a copy loop, whose deaths are all alike, only the first two, the
/// middle and the last two points are kept. `each_step`: Recording::all is wanted too.
Recording record(Stepper& victim, const Watching& watching,
                 const Stepper::WhileAsleep& while_asleep, bool each_step);

}  // namespace shoal::chaos
