// Locks: one process alone, and two that want the same lock all the time.
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <shoal/lock.hpp>
#include <stdexcept>
#include <system_error>

#include "sample.hpp"

#ifdef SHOAL_BENCH_BOOST
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#endif

namespace bench {
namespace {

void check(int error, const char* what) {
  if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

template <bool kRobust>
class Mutex {
 public:
  Mutex() {
    pthread_mutexattr_t attributes;
    check(::pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
    check(::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "pshared");
    if (kRobust) check(::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), "robust");
    check(::pthread_mutex_init(mutex_.operator->(), &attributes), "pthread_mutex_init");
    ::pthread_mutexattr_destroy(&attributes);
  }
  void lock() { check(::pthread_mutex_lock(mutex_.operator->()), "pthread_mutex_lock"); }
  void unlock() { check(::pthread_mutex_unlock(mutex_.operator->()), "pthread_mutex_unlock"); }

 private:
  Shared<pthread_mutex_t> mutex_;
};

#ifdef SHOAL_BENCH_BOOST
class BoostMutex {
 public:
  void lock() { mutex_->lock(); }
  void unlock() { mutex_->unlock(); }

 private:
  Shared<boost::interprocess::interprocess_mutex> mutex_;
};
#endif

/// What the lock guards, and what each process says to have done under it.
struct Counts {
  alignas(128) std::uint64_t guarded = 0;
  alignas(128) std::atomic<std::uint64_t> partner{0};
  alignas(128) std::atomic<bool> stop{false};
};

constexpr std::uint64_t kBatch = 100;

template <class L>
void use(L& lock, Shared<Counts>& counts) {
  for (std::uint64_t i = 0; i < kBatch; ++i) {
    lock.lock();
    counts->guarded += 1;
    lock.unlock();
  }
}

template <class L>
Figures alone(const Options& options) {
  L lock;
  Shared<Counts> counts;
  pin(options, 0);
  const double batches = rate(options, [&] { use(lock, counts); });
  return {{"lock-alone", 1e9 / (batches * kBatch), "ns"}};
}

// Pairs of lock and unlock per second, of both together.
template <class L>
Figures contended(const Options& options) {
  L lock;
  Shared<Counts> counts;
  Child partner([&] {
    pin(options, 1);
    while (!counts->stop.load(std::memory_order_relaxed)) {
      use(lock, counts);
      counts->partner.fetch_add(kBatch, std::memory_order_relaxed);
    }
  });
  pin(options, 0);
  std::uint64_t own = 0;
  const auto step = [&] {
    use(lock, counts);
    own += kBatch;
  };
  const auto both = [&] { return own + counts->partner.load(std::memory_order_relaxed); };
  repeat(options.warm_up, step);
  const std::uint64_t before = both();
  const auto taken = repeat(options.sample, step).second;
  const std::uint64_t done = both() - before;
  counts->stop = true;
  partner.join();
  if (counts->guarded != both()) throw std::runtime_error("two processes held the lock at once");
  return {{"lock-2-processes", static_cast<double>(done) / taken.count(), "pair/s"}};
}

template <class L>
void add_peer(Workloads& workloads, const std::string& peer) {
  workloads.push_back({"lock-alone", peer, alone<L>});
  workloads.push_back({"lock-2-processes", peer, contended<L>});
}

}  // namespace

void add_locks(Workloads& workloads) {
  add_peer<shoal::Lock>(workloads, "shoal");
  add_peer<Mutex<false>>(workloads, "mutex");
  add_peer<Mutex<true>>(workloads, "robust-mutex");
#ifdef SHOAL_BENCH_BOOST
  add_peer<BoostMutex>(workloads, "boost");
#endif
}

}  // namespace bench
