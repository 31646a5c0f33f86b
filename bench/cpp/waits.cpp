// Waiting for another process: events, conditions, barriers; and who gets a lock that many want.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <shoal/barrier.hpp>
#include <shoal/condition.hpp>
#include <shoal/event.hpp>
#include <shoal/lock.hpp>
#include <system_error>

#include "peers/futex_slot.hpp"
#include "sample.hpp"

#ifdef SHOAL_BENCH_BOOST
#include <boost/interprocess/sync/interprocess_condition.hpp>
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#endif

namespace bench {
namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

// ------------------------------------------------------------------ flags: set, wait, clear

#ifdef SHOAL_BENCH_BOOST
class BoostFlag {
 public:
  void set() { flag_->semaphore.post(); }
  void wait() { flag_->semaphore.wait(); }
  void clear() {}  // the wait has taken it

 private:
  struct Flag {
    boost::interprocess::interprocess_semaphore semaphore{0};
  };
  Shared<Flag> flag_;
};
#endif

// There and back: both poll, as the answer comes at once.
template <class Flag>
Figures awake(const Options& options) {
  Flag there;
  Flag back;
  const Child partner([&] {
    pin(options, 1);
    for (;;) {
      there.wait();
      there.clear();
      back.set();
    }
  });
  pin(options, 0);
  const auto [p50, p99] = percentiles(options, [&] {
    there.set();
    back.wait();
    back.clear();
  });
  return {{"event-awake-p50", p50, "ns"}, {"event-awake-p99", p99, "ns"}};
}

// From set() to the return of wait() in a process that has been asleep for some time.
template <class Flag>
Figures asleep(const Options& options) {
  struct Times {
    std::atomic<Clock::rep> woken{0};
  };
  Flag flag;
  Shared<Times> times;
  const Child partner([&] {
    pin(options, 1);
    for (;;) {
      flag.wait();
      const auto now = Clock::now().time_since_epoch().count();
      flag.clear();
      times->woken.store(now);
    }
  });
  pin(options, 0);
  constexpr auto kUntilAsleep = std::chrono::microseconds(300);
  std::vector<double> taken;
  auto step = [&] {
    const auto asleep = Clock::now() + kUntilAsleep;
    while (Clock::now() < asleep) relax();
    times->woken.store(0);
    const auto start = Clock::now().time_since_epoch().count();
    flag.set();
    Clock::rep woken = 0;
    while ((woken = times->woken.load()) == 0) relax();
    taken.push_back(static_cast<double>(woken - start));
  };
  repeat(options.warm_up, step);
  taken.clear();
  repeat(options.sample, step);
  const auto middle = taken.begin() + static_cast<std::ptrdiff_t>(taken.size() / 2);
  std::nth_element(taken.begin(), middle, taken.end());
  return {{"event-asleep", *middle, "ns"}};
}

// ------------------------------------------------------------------ conditions

class ShoalCondition {
 public:
  template <class Body>
  void locked(Body body) {
    condition_.lock();
    body();
    condition_.unlock();
  }
  void wait() { condition_.wait(); }
  void notify() { condition_.notify(); }

 private:
  shoal::Condition condition_;
};

class PthreadCondition {
 public:
  PthreadCondition() {
    pthread_mutexattr_t mutex;
    check(::pthread_mutexattr_init(&mutex), "pthread_mutexattr_init");
    check(::pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED), "pshared");
    check(::pthread_mutex_init(&shared_->mutex, &mutex), "pthread_mutex_init");
    pthread_condattr_t condition;
    check(::pthread_condattr_init(&condition), "pthread_condattr_init");
    check(::pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED), "pshared");
    check(::pthread_cond_init(&shared_->condition, &condition), "pthread_cond_init");
  }
  template <class Body>
  void locked(Body body) {
    check(::pthread_mutex_lock(&shared_->mutex), "pthread_mutex_lock");
    body();
    check(::pthread_mutex_unlock(&shared_->mutex), "pthread_mutex_unlock");
  }
  void wait() { check(::pthread_cond_wait(&shared_->condition, &shared_->mutex), "wait"); }
  void notify() { check(::pthread_cond_signal(&shared_->condition), "pthread_cond_signal"); }

 private:
  struct Both {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
  };
  Shared<Both> shared_;
};

#ifdef SHOAL_BENCH_BOOST
class BoostCondition {
 public:
  template <class Body>
  void locked(Body body) {
    const Lock lock(shared_->mutex);
    body();
  }
  void wait() {
    Lock adopted(shared_->mutex, boost::interprocess::accept_ownership);
    shared_->condition.wait(adopted);
    adopted.release();
  }
  void notify() { shared_->condition.notify_one(); }

 private:
  using Mutex = boost::interprocess::interprocess_mutex;
  using Lock = boost::interprocess::scoped_lock<Mutex>;
  struct Both {
    Mutex mutex;
    boost::interprocess::interprocess_condition condition;
  };
  Shared<Both> shared_;
};
#endif

// A ball that two processes throw to each other.
template <class Condition>
Figures ping_pong(const Options& options) {
  struct Ball {
    bool there = false;
  };
  Condition condition;
  Shared<Ball> ball;
  const auto throw_it = [&](bool there) {
    condition.locked([&] {
      while (ball->there == there) condition.wait();
      ball->there = there;
      condition.notify();
    });
  };
  const Child partner([&] {
    pin(options, 1);
    for (;;) throw_it(false);
  });
  pin(options, 0);
  return {{"condition-ping-pong", rate(options, [&] { throw_it(true); }), "round/s"}};
}

// ------------------------------------------------------------------ barriers

class ShoalBarrier {
 public:
  void wait() { barrier_.wait(); }

 private:
  shoal::Barrier barrier_{2};
};

class PthreadBarrier {
 public:
  PthreadBarrier() {
    pthread_barrierattr_t attributes;
    check(::pthread_barrierattr_init(&attributes), "pthread_barrierattr_init");
    check(::pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "pshared");
    check(::pthread_barrier_init(barrier_.operator->(), &attributes, 2), "pthread_barrier_init");
  }
  void wait() { ::pthread_barrier_wait(barrier_.operator->()); }

 private:
  Shared<pthread_barrier_t> barrier_;
};

template <class Barrier>
Figures barrier(const Options& options) {
  Barrier barrier;
  const Child partner([&] {
    pin(options, 1);
    for (;;) barrier.wait();
  });
  pin(options, 0);
  return {{"barrier-2", rate(options, [&] { barrier.wait(); }), "round/s"}};
}

// ------------------------------------------------------------------ fairness

// Eight processes want one lock all the time: how often the busiest has it for each time that the
// least busy one has.
Figures fairness(const Options& options) {
  constexpr std::size_t kProcesses = 8;
  struct Counts {
    std::array<std::atomic<std::uint64_t>, kProcesses> counts{};
  };
  shoal::Lock lock;
  Shared<Counts> shared;
  std::vector<std::unique_ptr<Child>> processes;
  for (auto& count : shared->counts) {
    processes.push_back(std::make_unique<Child>([&] {
      for (;;) {
        lock.lock();
        count.fetch_add(1, std::memory_order_relaxed);
        lock.unlock();
      }
    }));
  }
  const auto end = Clock::now() + options.sample * 4;
  while (Clock::now() < end) ::usleep(1000);
  std::array<std::uint64_t, kProcesses> counts{};
  std::transform(shared->counts.begin(), shared->counts.end(), counts.begin(),
                 [](const auto& count) { return count.load(); });
  const auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  return {{"lock-8-unfairness", static_cast<double>(*most) / static_cast<double>(*least), "x"}};
}

}  // namespace

void add_waits(Workloads& workloads) {
  workloads.push_back({"event-awake", "shoal", awake<shoal::Event>});
  workloads.push_back({"event-awake", "futex", awake<Futex>});
  workloads.push_back({"event-asleep", "shoal", asleep<shoal::Event>});
  workloads.push_back({"event-asleep", "futex", asleep<Futex>});
  workloads.push_back({"condition-ping-pong", "shoal", ping_pong<ShoalCondition>});
  workloads.push_back({"condition-ping-pong", "pthread", ping_pong<PthreadCondition>});
  workloads.push_back({"barrier-2", "shoal", barrier<ShoalBarrier>});
  workloads.push_back({"barrier-2", "pthread", barrier<PthreadBarrier>});
  workloads.push_back({"lock-8-unfairness", "shoal", fairness});
#ifdef SHOAL_BENCH_BOOST
  workloads.push_back({"event-awake", "boost", awake<BoostFlag>});
  workloads.push_back({"event-asleep", "boost", asleep<BoostFlag>});
  workloads.push_back({"condition-ping-pong", "boost", ping_pong<BoostCondition>});
#endif
}

}  // namespace bench
