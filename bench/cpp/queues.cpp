// Queues: one way between two processes, four to one, and there and back.
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <shoal/object.hpp>
#include <shoal/queue.hpp>
#include <stdexcept>
#include <type_traits>

#include "raw_ring.hpp"
#include "sample.hpp"

#ifdef SHOAL_BENCH_BOOST
#include <boost/interprocess/ipc/message_queue.hpp>
#endif

namespace bench {
namespace {

constexpr std::size_t kNumber = sizeof(long);

/// A message of that size: a number, or bytes that begin with one.
template <std::size_t kBytes>
using Message = std::conditional_t<kBytes == kNumber, long, shoal::Bytes>;

template <class M>
void* data_of(M& message) {
  if constexpr (std::is_same_v<M, long>) {
    return &message;
  } else {
    return message.data();
  }
}

template <std::size_t kBytes>
Message<kBytes> new_message() {
  if constexpr (kBytes == kNumber) {
    return 0;
  } else {
    return shoal::Bytes(kBytes, std::byte{'x'});
  }
}

// ------------------------------------------------------------------ the peers

template <std::size_t kBytes>
class ShoalQueue {
 public:
  void put(Message<kBytes>& message) { queue_.put(message); }
  void get(Message<kBytes>& message) { queue_.get_into(message); }

 private:
  shoal::Queue<Message<kBytes>> queue_;
};

template <std::size_t kBytes>
class RawQueue {
 public:
  void put(Message<kBytes>& message) { ring_->template put<kBytes>(data_of(message)); }
  void get(Message<kBytes>& message) { ring_->template get<kBytes>(data_of(message)); }

 private:
  Shared<RawRing> ring_;
};

#ifdef SHOAL_BENCH_BOOST
template <std::size_t kBytes>
class BoostQueue {
  using Queue = boost::interprocess::message_queue;

 public:
  BoostQueue() : queue_(boost::interprocess::create_only, name().c_str(), kMessages, kBytes) {
    Queue::remove(name().c_str());  // it lives on until it is unmapped
  }
  void put(Message<kBytes>& message) { queue_.send(data_of(message), kBytes, 0); }
  void get(Message<kBytes>& message) {
    Queue::size_type size = 0;
    unsigned priority = 0;
    queue_.receive(data_of(message), kBytes, size, priority);
    if (size != kBytes) throw std::runtime_error("a message of another size");
  }

 private:
  // As much memory as the raw ring has, but no more messages than is usual with this queue.
  static constexpr std::size_t kMessages = std::min<std::size_t>(1024, (8U << 20U) / kBytes);
  static std::string name() { return "shoal-bench-" + std::to_string(::getpid()); }
  Queue queue_;
};
#endif

// ------------------------------------------------------------------ what they do

// The producers number their messages; with one producer the consumer checks the order.
template <class M>
void set_number(M& message, long number) {
  std::memcpy(data_of(message), &number, sizeof number);
}
template <class M>
long number_of(M& message) {
  long number = 0;
  std::memcpy(&number, data_of(message), sizeof number);
  return number;
}

template <class Channel, std::size_t kBytes>
[[noreturn]] void produce(Channel& channel) {
  auto message = new_message<kBytes>();
  for (long number = 0;; ++number) {
    set_number(message, number);
    channel.put(message);
  }
}

// Messages per second, counted where they arrive, while the producers never stop.
template <class Channel, std::size_t kBytes>
double one_way(const Options& options, std::size_t producers) {
  constexpr std::size_t kBatch =
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
  auto message = new_message<kBytes>();
  long expected = 0;
  const auto take_batch = [&] {
    for (std::size_t i = 0; i < kBatch; ++i) {
      channel.get(message);
      if (producers == 1 && number_of(message) != expected++) {
        throw std::runtime_error("messages out of order");
      }
    }
  };
  return rate(options, take_batch) * kBatch;
}

template <class Channel>
Figures round_trip(const Options& options) {
  Channel there;
  Channel back;
  const Child echo([&] {
    pin(options, 1);
    for (long number = 0;;) {
      there.get(number);
      back.put(number);
    }
  });
  pin(options, 0);
  long sent = 0;
  const auto times = percentiles(options, [&] {
    long received = 0;
    there.put(++sent);
    back.get(received);
    if (received != sent) throw std::runtime_error("another message came back");
  });
  return {{"round-trip-p50", times.p50, "ns"}, {"round-trip-p99", times.p99, "ns"}};
}

// ------------------------------------------------------------------ which there are

template <template <std::size_t> class Peer, std::size_t kBytes>
void add_one_way(Workloads& workloads, const std::string& name, const std::string& peer,
                 std::size_t producers = 1) {
  workloads.push_back({name, peer, [=](const Options& options) {
                         const double rate = one_way<Peer<kBytes>, kBytes>(options, producers);
                         if (kBytes < 65536) return Figures{{name, rate, "msg/s"}};
                         return Figures{{name, rate * kBytes, "B/s"}};
                       }});
}

template <template <std::size_t> class Peer>
void add_peer(Workloads& workloads, const std::string& peer, bool many_producers) {
  add_one_way<Peer, kNumber>(workloads, "queue-8B", peer);
  add_one_way<Peer, 100>(workloads, "queue-100B", peer);
  add_one_way<Peer, (64U << 10U)>(workloads, "queue-64KiB", peer);
  add_one_way<Peer, (1U << 20U)>(workloads, "queue-1MiB", peer);
  if (many_producers) add_one_way<Peer, kNumber>(workloads, "queue-8B-4to1", peer, 4);
  workloads.push_back({"round-trip", peer, round_trip<Peer<kNumber>>});
}

}  // namespace

void add_queues(Workloads& workloads) {
  add_peer<ShoalQueue>(workloads, "shoal", true);
  add_peer<RawQueue>(workloads, "raw", false);
#ifdef SHOAL_BENCH_BOOST
  add_peer<BoostQueue>(workloads, "boost", true);
#endif
}

}  // namespace bench
