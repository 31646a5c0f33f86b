// What a message costs by how many there are: of a stream that is long, and of a queue that grows.
#include <algorithm>
#include <atomic>
#include <new>
#include <string>

#include "message.hpp"
#include "peers/raw_queue.hpp"
#include "peers/shoal_queue.hpp"
#include "sample.hpp"

namespace bench {
namespace {

double nanoseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

// ------------------------------------------------------------------ a stream

/// How many messages the consumer has asked for so far.
struct Asked {
  std::atomic<long> messages{0};
};

// From the wish for so many messages to the arrival of the last, for each of them.
template <class Channel>
double cost_of(Channel& channel, Shared<Asked>& asked, long messages) {
  const auto start = Clock::now();
  asked->messages.fetch_add(messages);
  long message = 0;
  for (long i = 0; i < messages; ++i) channel.get(message);
  return nanoseconds_since(start) / static_cast<double>(messages);
}

template <class Channel>
Figures by_length(const Options& options) {
  constexpr long kFirst = 1000;
  Channel channel;
  Shared<Asked> asked;
  const Child producer([&] {
    pin(options, 1);
    for (long message = 0;; ++message) {
      while (message == asked->messages.load(std::memory_order_relaxed)) relax();
      channel.put(message);
    }
  });
  pin(options, 0);
  Figures figures;
  int power = 3;
  for (long messages = kFirst; messages <= options.messages(); messages *= 10) {
    std::vector<double> costs;
    auto step = [&] { costs.push_back(cost_of(channel, asked, messages)); };
    if (messages == kFirst) repeat(options.warm_up, step);
    costs.clear();
    repeat(options.sample / 4, step);
    const auto middle = costs.begin() + static_cast<std::ptrdiff_t>(costs.size() / 2);
    std::nth_element(costs.begin(), middle, costs.end());
    figures.push_back({"stream-1e" + std::to_string(power++), *middle, "ns"});
  }
  return figures;
}

// ------------------------------------------------------------------ a queue that grows

// The most that a queue can count.
constexpr std::size_t kMostItems = (1UL << 27U) - 1;

// What a message takes of the queue's memory: a header, and the number or a pickle of the bytes.
template <std::size_t kBytes>
constexpr std::size_t kRecord = kBytes == kNumber ? 16 : 8 + (4 + kBytes + 1 + 7) / 8 * 8;

template <std::size_t kBytes>
double put(ShoalQueue<kBytes>& queue, std::size_t count) {
  auto message = new_message<kBytes>();
  const auto start = Clock::now();
  for (long number = 0; number < static_cast<long>(count); ++number) {
    set_number(message, number);
    queue.put(message);
  }
  return nanoseconds_since(start) / static_cast<double>(count);
}

template <std::size_t kBytes>
double warm_put(const Options& options, ShoalQueue<kBytes>& queue) {
  constexpr std::size_t kFew = 300;
  std::vector<double> costs;
  auto message = new_message<kBytes>();
  auto step = [&] {
    costs.push_back(put(queue, kFew));
    for (std::size_t i = 0; i < kFew; ++i) queue.get(message);
  };
  repeat(options.warm_up, step);
  costs.clear();
  repeat(options.sample, step);
  const auto middle = costs.begin() + static_cast<std::ptrdiff_t>(costs.size() / 2);
  std::nth_element(costs.begin(), middle, costs.end());
  return *middle;
}

// One process puts and nobody takes: what a put costs while the queue's memory grows from one size
// to the next. Ends where the queue may not have more memory, or items: 2 GiB are as many of the
// smallest as a queue can count.
template <std::size_t kBytes>
Figures growth(const Options& options) {
  struct Size {
    const char* name;
    std::size_t bytes;
  };
  constexpr Size kSizes[] = {{"4MiB", 4UL << 20U}, {"64MiB", 64UL << 20U}, {"256MiB", 256UL << 20U},
                             {"1GiB", 1UL << 30U}, {"2GiB", 2UL << 30U},   {"8GiB", 8UL << 30U}};
  const std::string prefix = "grow-" + std::to_string(kBytes) + "B-";
  pin(options, 0);
  ShoalQueue<kBytes> queue;
  Figures figures{{prefix + "warm", warm_put(options, queue), "ns"}};
  std::size_t there = 0;
  for (const Size& size : kSizes) {
    if (size.bytes > options.memory()) break;
    const std::size_t wanted = (size.bytes - there) / kRecord<kBytes>;
    const std::size_t count = std::min(wanted, kMostItems - queue.size());
    if (count == 0) break;
    try {
      figures.push_back({prefix + size.name, put(queue, count), "ns"});
    } catch (const std::bad_alloc&) {
      break;
    }
    there = size.bytes;
  }
  return figures;
}

}  // namespace

void add_growth(Workloads& workloads) {
  workloads.push_back({"stream", "shoal", by_length<ShoalQueue<kNumber>>});
  workloads.push_back({"stream", "raw", by_length<RawQueue<kNumber>>});
  workloads.push_back({"grow-8B", "shoal", growth<kNumber>});
  workloads.push_back({"grow-100B", "shoal", growth<100>});
}

}  // namespace bench
