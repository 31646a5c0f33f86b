// What the workloads share: their options, time, a second process, memory for both, and figures.
#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <new>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// How far those workloads go that grow.
enum class Scale : std::uint8_t { kTiny, kUsual, kLong };

struct Options {
  Seconds sample{0.25};   ///< how long is measured,
  Seconds warm_up{0.05};  ///< after running unmeasured for so long: memory touched, spins adapted
  bool pinned = true;     ///< a core for the measuring process, the others for its partners
  Scale scale = Scale::kUsual;

  /// Most messages of a stream, and most bytes of a queue.
  [[nodiscard]] long messages() const noexcept {
    return scale == Scale::kTiny ? 10'000 : scale == Scale::kUsual ? 1'000'000 : 100'000'000;
  }
  [[nodiscard]] std::size_t memory() const noexcept {
    return (scale == Scale::kTiny ? 4UL : scale == Scale::kUsual ? 256UL : 8192UL) << 20U;
  }
};

struct Figure {
  std::string workload;
  double value;
  const char* unit;
};
using Figures = std::vector<Figure>;

/// One line of `--list`: what is done, and by whom.
struct Workload {
  std::string name;
  std::string peer;
  std::function<Figures(const Options&)> run;
};
using Workloads = std::vector<Workload>;

void add_queues(Workloads& workloads);
void add_growth(Workloads& workloads);
void add_locks(Workloads& workloads);
void add_waits(Workloads& workloads);

/// Puts the calling process on a core of its own where it can: 0 is the measuring process, the
/// partners count from 1 and share the other cores.
void pin(const Options& options, std::size_t process);

/// The waiting of those who never sleep.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// A forked process that runs `body` until it returns or the Child is destroyed.
class Child {
 public:
  explicit Child(const std::function<void()>& body);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  Child& operator=(Child&&) = delete;
  /// Kills it.
  ~Child();
  /// Waits until `body` has returned.
  void join();

 private:
  pid_t pid_ = 0;
};

/// A T that is shared with the children forked later, with all its pages there.
template <class T>
class Shared {
 public:
  Shared() {
    void* memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    object_ = new (memory) T;
  }
  ~Shared() { ::munmap(object_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  T* operator->() const noexcept { return object_; }

 private:
  T* object_;
};

/// Calls `step` again and again for `time`; returns how often, and how long that took.
template <class Step>
std::pair<std::uint64_t, Seconds> repeat(Seconds time, Step& step) {
  const auto start = Clock::now();
  std::uint64_t steps = 0;
  Seconds taken{};
  do {
    step();
    ++steps;
    taken = Clock::now() - start;
  } while (taken < time);
  return {steps, taken};
}

/// Steps per second after the warm-up. A step should take a microsecond or more, as the clock is
/// read after each.
template <class Step>
double rate(const Options& options, Step step) {
  repeat(options.warm_up, step);
  const auto [steps, taken] = repeat(options.sample, step);
  return static_cast<double>(steps) / taken.count();
}

/// Median and 99th percentile of the time of a step, in nanoseconds, one reading of the clock
/// included.
struct Percentiles {
  double p50;
  double p99;
};
Percentiles percentiles(const Options& options, const std::function<void()>& step);

}  // namespace bench
