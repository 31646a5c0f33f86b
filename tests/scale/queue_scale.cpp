// Very many messages through one queue, whose memory stays as it is, and very large ones.
//
//   queue_scale MESSAGES MEBIBYTES
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <shoal/init.hpp>
#include <shoal/object.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

// The address sanitizer keeps what is freed for a while.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHOAL_KEEPS_WHAT_IS_FREED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SHOAL_KEEPS_WHAT_IS_FREED)
constexpr bool kKeepsWhatIsFreed = true;
#else
constexpr bool kKeepsWhatIsFreed = false;
#endif

using shoal::Bytes;
using shoal::Process;
using shoal::Queue;

constexpr auto kDeadline = std::chrono::seconds(60);

void must(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

std::uint64_t memory_of(const shoal::QueueBase& queue) {
  struct stat facts{};
  must(::fstat(queue.descriptor(), &facts) == 0, "the queue has no file");
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

// Of this process; pages of files, which the queue's are, not counted.
std::uint64_t memory_of_this_process() {
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  std::ifstream("/proc/self/statm") >> size >> resident >> shared;
  return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

void ends_well(Process& process) {
  must(process.join_for(kDeadline) && process.exitcode() == 0, "a child that does not end well");
}

// ------------------------------------------------------------------ very many

// Never further ahead than memory is to grow: this is not about a queue that fills.
constexpr std::ptrdiff_t kAhead = 10'000;

void put_numbers(Queue<std::int64_t> queue, std::int64_t count) {
  std::vector<std::int64_t> batch;
  for (std::int64_t i = 0; i < count; i += static_cast<std::int64_t>(batch.size())) {
    // Alone and in batches.
    if (i % 1000 < 100) {
      queue.put(i);
      batch.assign(1, i);
      continue;
    }
    batch.resize(static_cast<std::size_t>(std::min<std::int64_t>(count - i, 1000 - i % 1000)));
    for (std::size_t k = 0; k < batch.size(); ++k) batch[k] = i + static_cast<std::int64_t>(k);
    queue.put_many(batch);
  }
}

void very_many(std::int64_t count) {
  Queue<std::int64_t> queue(kAhead);
  Process producer(put_numbers, queue, count);
  producer.start();
  const std::int64_t part = std::max<std::int64_t>(count / 10, 1);
  std::uint64_t most = 0;
  std::uint64_t own = 0;
  std::vector<std::int64_t> batch;
  for (std::int64_t next = 0; next < count;) {
    batch = next % 3 == 0 ? std::vector{queue.get()} : queue.get_many(500);
    for (const std::int64_t number : batch) must(number == next++, "not the next number");
    if (next / part == (next - static_cast<std::int64_t>(batch.size())) / part) continue;
    most = std::max(most, memory_of(queue));
    if (own == 0) own = memory_of_this_process();
  }
  ends_well(producer);
  must(queue.empty(), "more came than was put");
  constexpr std::uint64_t kFlat = 4U << 20U;
  must(most <= kFlat, "the queue has grown to " + std::to_string(most) + " bytes");
  const std::uint64_t now = memory_of_this_process();
  if (!kKeepsWhatIsFreed)
    must(now <= own + kFlat, "this process has grown by " + std::to_string(now - own) + " bytes");
  std::printf("%lld messages, each once and in order; at most %llu bytes of shared memory\n",
              static_cast<long long>(count), static_cast<unsigned long long>(most));
}

// ------------------------------------------------------------------ very large

// By eights, so that all of it is looked at in the time of a copy.
void fill(Bytes& bytes, std::uint64_t seed) {
  std::uint64_t word = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof word, word += 0x632be59bd9b4e019ULL) {
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, bytes.size() - at));
  }
}

bool is_filled(const Bytes& bytes, std::uint64_t seed) {
  std::uint64_t word = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof word, word += 0x632be59bd9b4e019ULL) {
    if (std::memcmp(bytes.data() + at, &word, std::min(sizeof word, bytes.size() - at)) != 0) {
      return false;
    }
  }
  return true;
}

std::vector<std::uint64_t> sizes(std::uint64_t largest) {
  std::vector<std::uint64_t> all{0, 1, 7, 8, 9, 255, 256, 4095, 4096, 65'535, 65'536, 65'537};
  for (std::uint64_t size = 131'071; size < largest; size = size * 7 + 1) all.push_back(size);
  all.push_back(largest);
  return all;
}

void put_sizes(Queue<Bytes> queue, std::uint64_t largest) {
  Bytes bytes;
  for (const std::uint64_t size : sizes(largest)) {
    bytes.resize(size);
    fill(bytes, size);
    queue.put(bytes);
  }
}

void very_large(std::uint64_t largest) {
  Queue<Bytes> queue(1);
  Process producer(put_sizes, queue, largest);
  producer.start();
  Bytes bytes;
  for (const std::uint64_t size : sizes(largest)) {
    must(queue.wait_readable_for(kDeadline), "an item that does not come");
    queue.get_into(bytes);
    must(bytes.size() == size,
         std::to_string(bytes.size()) + " bytes instead of " + std::to_string(size));
    must(is_filled(bytes, size), "an item of " + std::to_string(size) + " bytes is not the same");
  }
  ends_well(producer);
  must(queue.empty(), "more came than was put");
  std::printf("records from 0 to %llu bytes, each the same\n",
              static_cast<unsigned long long>(largest));
}

// Producer and consumer have it once each, and the queue has it and the one before.
std::uint64_t largest_that_fits(std::uint64_t wanted) {
  std::ifstream file("/proc/meminfo");
  std::uint64_t available = ~std::uint64_t{0};
  for (std::string word; file >> word;) {
    if (word != "MemAvailable:") continue;
    file >> available;
    available *= 1024;
    break;
  }
  const std::uint64_t fits = available / 4;
  if (fits < wanted)
    std::printf("not enough memory for %llu bytes\n", static_cast<unsigned long long>(wanted));
  return std::min(wanted, fits);
}

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  must(error == std::errc() && end == text.data() + text.size() && number != 0, "not a number");
  return number;
}

}  // namespace

int main(int argc, char** argv) {
  shoal::init(argc, argv);
  try {
    must(argc == 3, "usage: queue_scale MESSAGES MEBIBYTES");
    very_many(static_cast<std::int64_t>(number_of(argv[1])));
    very_large(largest_that_fits(number_of(argv[2]) << 20U));
    return 0;
  } catch (const std::exception& error) {
    std::printf("queue_scale: %s\n", error.what());
    return 1;
  }
}
