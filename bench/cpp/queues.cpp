// Queues: one way between two processes, one by one and in batches, four to one, four to four, and
// there and back.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <stdexcept>

#include "message.hpp"
#include "peers/futex_slot.hpp"
#include "peers/raw_queue.hpp"
#include "peers/shoal_queue.hpp"
#include "sample.hpp"

#ifdef SHOAL_BENCH_BOOST
#include "peers/boost_queue.hpp"
#endif
#ifdef SHOAL_BENCH_FASTER_FIFO
#include "peers/faster_fifo_queue.hpp"
#endif
#ifdef SHOAL_BENCH_ZEROMQ
#include "peers/zeromq_queue.hpp"
#endif
#ifdef SHOAL_BENCH_CPP_IPC
#include "peers/cpp_ipc_queue.hpp"
#endif

namespace bench {
namespace {

constexpr std::size_t kBatch = 32;  // messages of one put_many, and the most of one get_many

// Some peers have to be told by each process what it will do.
template <class Channel>
void begin_put(Channel& channel) {
  if constexpr (requires { channel.begin_put(); }) channel.begin_put();
}
template <class Channel>
void begin_get(Channel& channel) {
  if constexpr (requires { channel.begin_get(); }) channel.begin_get();
}

template <class Channel, std::size_t kBytes>
[[noreturn]] void produce(Channel& channel) {
  begin_put(channel);
  auto message = new_message<kBytes>();
  for (long number = 0;; ++number) {
    set_number(message, number);
    channel.put(message);
  }
}

void check_order(long number, long expected) {
  if (number != expected) throw std::runtime_error("messages out of order");
}

// Messages per second, counted where they arrive, while the producers never stop.
template <class Channel, std::size_t kBytes>
double one_way(const Options& options, std::size_t producers) {
  constexpr std::size_t kAtOnce =
      std::max<std::size_t>(1, std::min<std::size_t>(1024, 65536 / kBytes));
  Channel channel;
  std::vector<Child> children;
  for (std::size_t i = 0; i < producers; ++i) {
    children.emplace_back([&, i] {
      pin(options, 1 + i);
      produce<Channel, kBytes>(channel);
    });
  }
  pin(options, 0);
  begin_get(channel);
  auto message = new_message<kBytes>();
  long expected = 0;
  const auto take_some = [&] {
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      channel.get(message);
      if (producers == 1) check_order(number_of(message), expected++);
    }
  };
  return rate(options, take_some) * kAtOnce;
}

// The same in batches: those who put them put 32 at once, those who take them take up to 32.
template <class Channel, std::size_t kBytes>
double in_batches(const Options& options) {
  Channel channel;
  const Child producer([&] {
    pin(options, 1);
    begin_put(channel);
    std::vector<Message<kBytes>> messages(kBatch, new_message<kBytes>());
    for (long number = 0;;) {
      for (auto& message : messages) set_number(message, number++);
      channel.put_many(messages);
    }
  });
  pin(options, 0);
  begin_get(channel);
  std::vector<Message<kBytes>> messages(kBatch, new_message<kBytes>());
  long expected = 0;
  const auto take_some = [&] {
    for (const long end = expected + 1024; expected < end;) {
      const std::size_t count = channel.get_many(messages);
      for (std::size_t i = 0; i < count; ++i) check_order(number_of(messages[i]), expected++);
    }
  };
  repeat(options.warm_up, take_some);
  const long before = expected;
  const auto taken = repeat(options.sample, take_some).second;
  return static_cast<double>(expected - before) / taken.count();
}

// Four producers on one core, four consumers on another.
template <class Channel, std::size_t kBytes>
double four_to_four(const Options& options) {
  struct alignas(128) Count {
    std::atomic<std::uint64_t> taken{0};
  };
  using Counts = std::array<Count, 4>;
  Channel channel;
  Shared<Counts> counts;
  std::vector<Child> children;
  for (Count& count : *counts.operator->()) {
    children.emplace_back([&] {
      pin(options, 1);
      produce<Channel, kBytes>(channel);
    });
    children.emplace_back([&] {
      pin(options, 0);
      auto message = new_message<kBytes>();
      for (;;) {
        channel.get(message);
        count.taken.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  const auto taken = [&] {
    std::uint64_t sum = 0;
    for (const Count& count : *counts.operator->()) sum += count.taken.load();
    return sum;
  };
  const auto sleep = [] { ::usleep(1000); };
  repeat(options.warm_up, sleep);
  while (taken() == 0) sleep();
  const std::uint64_t before = taken();
  auto until_more = [&] {
    do sleep();
    while (taken() == before);
  };
  const auto seconds = repeat(options.sample, until_more).second;
  return static_cast<double>(taken() - before) / seconds.count();
}

// ------------------------------------------------------------------ there and back

template <class Channel>
class Pair {
 public:
  explicit Pair(const Options& options)
      : echo_([&] {
          pin(options, 1);
          begin_get(there_);
          begin_put(back_);
          for (long number = 0;;) {
            there_.get(number);
            back_.put(number);
          }
        }) {
    pin(options, 0);
    begin_put(there_);
    begin_get(back_);
  }
  void round_trip() {
    long received = 0;
    long number = ++sent_;
    there_.put(number);
    back_.get(received);
    if (received != sent_) throw std::runtime_error("another message came back");
  }

 private:
  Channel there_;
  Channel back_;
  Child echo_;
  long sent_ = 0;
};

// The other side polls by now, or has gone to sleep again at once, as its makers will have it.
template <class Channel>
Figures round_trip(const Options& options) {
  Pair<Channel> pair(options);
  const auto times = percentiles(options, [&] { pair.round_trip(); });
  return {{"round-trip-p50", times.p50, "ns"}, {"round-trip-p99", times.p99, "ns"}};
}

// The other side has been asleep for some time.
template <class Channel>
Figures round_trip_asleep(const Options& options) {
  constexpr auto kUntilAsleep = std::chrono::microseconds(500);
  Pair<Channel> pair(options);
  std::vector<double> times;
  auto step = [&] {
    const auto asleep = Clock::now() + kUntilAsleep;
    while (Clock::now() < asleep) relax();
    const auto start = Clock::now();
    pair.round_trip();
    times.push_back(std::chrono::duration<double, std::nano>(Clock::now() - start).count());
  };
  repeat(options.warm_up, step);
  times.clear();
  repeat(options.sample, step);
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return {{"round-trip-asleep", *middle, "ns"}};
}

// ------------------------------------------------------------------ which there are

template <std::size_t kBytes, class Rate>
void add_rate(Workloads& workloads, const std::string& name, const std::string& peer, Rate rate) {
  workloads.push_back({name, peer, [=](const Options& options) {
                         if (kBytes < 65536) return Figures{{name, rate(options), "msg/s"}};
                         return Figures{{name, rate(options) * kBytes, "B/s"}};
                       }});
}

template <template <std::size_t> class Peer, std::size_t kBytes>
void add_one_way(Workloads& workloads, const std::string& name, const std::string& peer,
                 std::size_t producers = 1) {
  add_rate<kBytes>(workloads, name, peer, [=](const Options& options) {
    return one_way<Peer<kBytes>, kBytes>(options, producers);
  });
}

template <template <std::size_t> class Peer>
void add_peer(Workloads& workloads, const std::string& peer) {
  add_one_way<Peer, kNumber>(workloads, "queue-8B", peer);
  add_one_way<Peer, 100>(workloads, "queue-100B", peer);
  add_one_way<Peer, (64U << 10U)>(workloads, "queue-64KiB", peer);
  add_one_way<Peer, (1U << 20U)>(workloads, "queue-1MiB", peer);
  workloads.push_back({"round-trip", peer, round_trip<Peer<kNumber>>});
  workloads.push_back({"round-trip-asleep", peer, round_trip_asleep<Peer<kNumber>>});
}

template <template <std::size_t> class Peer>
void add_batches(Workloads& workloads, const std::string& peer) {
  add_rate<kNumber>(workloads, "queue-8B-by-32", peer, in_batches<Peer<kNumber>, kNumber>);
  add_rate<100>(workloads, "queue-100B-by-32", peer, in_batches<Peer<100>, 100>);
}

template <template <std::size_t> class Peer>
void add_four_to_one(Workloads& workloads, const std::string& peer) {
  add_one_way<Peer, kNumber>(workloads, "queue-8B-4to1", peer, 4);
}

template <template <std::size_t> class Peer>
void add_four_to_four(Workloads& workloads, const std::string& peer) {
  add_rate<kNumber>(workloads, "queue-8B-4to4", peer, four_to_four<Peer<kNumber>, kNumber>);
}

}  // namespace

void add_queues(Workloads& workloads) {
  add_peer<ShoalQueue>(workloads, "shoal");
  add_batches<ShoalQueue>(workloads, "shoal");
  add_four_to_one<ShoalQueue>(workloads, "shoal");
  add_four_to_four<ShoalQueue>(workloads, "shoal");
  add_peer<RawQueue>(workloads, "raw");
  add_batches<RawQueue>(workloads, "raw");
  workloads.push_back({"round-trip-asleep", "futex", round_trip_asleep<FutexSlot>});
#ifdef SHOAL_BENCH_FASTER_FIFO
  add_peer<FasterFifoQueue>(workloads, "faster-fifo");
  add_batches<FasterFifoQueue>(workloads, "faster-fifo");
  add_four_to_one<FasterFifoQueue>(workloads, "faster-fifo");
  add_four_to_four<FasterFifoQueue>(workloads, "faster-fifo");
#endif
#ifdef SHOAL_BENCH_BOOST
  add_peer<BoostQueue>(workloads, "boost");
  add_four_to_one<BoostQueue>(workloads, "boost");
  add_four_to_four<BoostQueue>(workloads, "boost");
#endif
#ifdef SHOAL_BENCH_ZEROMQ
  add_peer<ZeroMqQueue>(workloads, "zeromq");
  add_four_to_one<ZeroMqQueue>(workloads, "zeromq");
#endif
#ifdef SHOAL_BENCH_CPP_IPC
  add_peer<CppIpcQueue>(workloads, "cpp-ipc");
#endif
}

}  // namespace bench
