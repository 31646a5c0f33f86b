// A named queue with one wrong bit, as a fault of the machine or another program may leave it: each
// bit of its control words and record headers in turn. Whoever opens it gets an error that names
// the queue, or goes on; it neither crashes nor hangs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <shoal/error.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "shm/layout.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::JoinableQueue;
using shoal::Object;
using shoal::QueueOptions;
namespace shm = shoal::shm;

using Bytes = std::vector<char>;

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kEach = 29;  // bits: a process takes its time to start
#else
constexpr std::size_t kEach = 1;
#endif

std::string path_of(const std::string& name) { return "/dev/shm/shoal." + name; }

Bytes content_of(const std::string& name) {
  std::ifstream file(path_of(name), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Where a bit is flipped: from, to, in bytes.
using Stretch = std::pair<std::size_t, std::size_t>;

constexpr std::size_t kRing = shm::kHeaderRoom;
constexpr std::size_t kBlocks = kRing + offsetof(shm::RingWords, blocks);
constexpr std::size_t kTally = kRing + sizeof(shm::RingWords);

class QueueDamage : public ::testing::Test {
 protected:
  QueueDamage() : good_("test-" + std::to_string(::getpid())), bad_(good_ + "-damaged") {}
  ~QueueDamage() override {
    ::unlink(path_of(good_).c_str());
    ::unlink(path_of(bad_).c_str());
  }

  // Some items, and where that is `large`, one that needs a block of its own; some were taken.
  void make(const QueueOptions& limits, bool large) {
    large_ = large;
    JoinableQueue<Object> queue({.maxsize = limits.maxsize,
                                 .name = good_,
                                 .max_bytes = limits.max_bytes,
                                 .redeliver = limits.redeliver});
    for (int i = 0; i < 6; ++i) queue.put(Object(i));
    queue.put(Object(std::string(large ? 70'000 : 70, 'x')));
    queue.put(Object("two"));
    for (int i = 0; i < 3; ++i) static_cast<void>(queue.get());
    queue.task_done();
    content_ = content_of(good_);
    ASSERT_GT(content_.size(), kTally);
  }

  // The headers of the first records of each block.
  [[nodiscard]] std::vector<Stretch> record_headers() const {
    std::vector<Stretch> all;
    for (std::size_t i = 0; i < 2; ++i) {
      shm::RingBlock block{};
      std::memcpy(static_cast<void*>(&block), content_.data() + kBlocks + i * sizeof block,
                  sizeof block);
      const auto at = static_cast<std::size_t>(block.offset.load());
      all.emplace_back(at, at + 8);
      all.emplace_back(at + 16 * 3, at + 16 * 3 + 8);  // numbers: a header and 8 bytes each
    }
    return all;
  }

  // Behind the first block.
  [[nodiscard]] std::size_t table_of_extents() const {
    shm::RingBlock block{};
    std::memcpy(static_cast<void*>(&block), content_.data() + kBlocks, sizeof block);
    return static_cast<std::size_t>(block.offset + block.size);
  }

  void flip(std::size_t byte, int bit) {
    const int file = ::open(path_of(bad_).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_NE(file, -1);
    const auto size = static_cast<ssize_t>(content_.size());
    ASSERT_EQ(::ftruncate(file, size), 0);
    const char good = content_[byte];
    content_[byte] = static_cast<char>(good ^ (1 << bit));
    EXPECT_EQ(::pwrite(file, content_.data(), content_.size(), 0), size);
    content_[byte] = good;
    ::close(file);
  }

  void expect_no_crash(const std::vector<Stretch>& stretches) {
    for (const auto& [from, to] : stretches) {
      for (std::size_t bit = 8 * from; bit < 8 * to; bit += kEach) {
        flip(bit / 8, static_cast<int>(bit % 8));
        EXPECT_EQ(end_of_user(), "") << "byte " << bit / 8 << " bit " << bit % 8;
        if (HasFatalFailure()) return;
      }
    }
  }

  [[nodiscard]] std::size_t content_size() const { return content_.size(); }

  std::string good_;

 private:
  // How a process that uses the damaged queue ends: "" for well.
  std::string end_of_user() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(use());
    const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    pollfd ends{pidfd, POLLIN, 0};
    constexpr int kLongest = 20'000;  // ms
    const bool ended = ::poll(&ends, 1, kLongest) == 1;
    ::close(pidfd);
    if (!ended) ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!ended) return "did not end";
    if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? "" : "ended by status " + std::to_string(WEXITSTATUS(status));
  }

  // 0: all well. 2: an error that does not name the queue. 3: an error of no known class.
  int use() {
    int result = 0;
    const auto attempt = [&](auto call) {
      try {
        call();
      } catch (const shoal::PickleError&) {  // of an item, which has no name
      } catch (const shoal::Error& error) {
        // By the name it was made by: this is a copy.
        if (std::string(error.what()).find(good_) == std::string::npos) result = 2;
      } catch (const std::bad_alloc&) {
      } catch (const std::system_error&) {
      } catch (const std::invalid_argument&) {
      } catch (...) {
        result = 3;
      }
    };
    attempt([&] { JoinableQueue<shoal::AsBytes<int>>::open(bad_); });
    attempt([&] {
      auto queue = JoinableQueue<Object>::open(bad_);
      const auto both = [&] {
        attempt([&] { static_cast<void>(queue.qsize()); });
        attempt([&] { static_cast<void>(queue.empty()); });
        attempt([&] { static_cast<void>(queue.full()); });
        attempt([&] { static_cast<void>(queue.put_for(Object("new"), 1ms)); });
        attempt([&] { static_cast<void>(queue.join_for(1ms)); });
        attempt([&] { static_cast<void>(queue.get_for(1ms)); });
        attempt([&] { static_cast<void>(queue.try_get_many(4)); });
        attempt([&] { queue.task_done(); });
        attempt(
            [&] { static_cast<void>(queue.put_many_for(std::vector<Object>(3, Object(7)), 1ms)); });
      };
      both();
      const std::size_t size = large_ ? 2'000'000 : 2'000;
      attempt([&] { static_cast<void>(queue.put_for(Object(std::string(size, 'y')), 1ms)); });
      both();
      for (int i = 0; i < 20; ++i) attempt([&] { static_cast<void>(queue.try_get()); });
      attempt([&] { queue.shutdown(true); });
    });
    return result;
  }

  std::string bad_;
  Bytes content_;
  bool large_ = false;
};

TEST_F(QueueDamage, of_the_header_is_an_error_or_nothing) {
  make({}, false);
  constexpr std::size_t kName = offsetof(shm::SegmentHeader, name);
  expect_no_crash({{0, kName}, {kName + good_.size() + 1, sizeof(shm::SegmentHeader)}});
}

TEST_F(QueueDamage, of_a_word_of_the_ring_is_an_error_or_nothing) {
  make({}, false);
  expect_no_crash({{kRing, kBlocks}});
}

TEST_F(QueueDamage, of_the_table_of_blocks_is_an_error_or_nothing) {
  make({}, true);
  constexpr std::size_t kTail = kRing + offsetof(shm::RingWords, tail);
  constexpr std::size_t kHead = kRing + offsetof(shm::RingWords, head);
  expect_no_crash(
      {{kBlocks, kBlocks + 3 * sizeof(shm::RingBlock)}, {kTail, kTail + 8}, {kHead, kHead + 8}});
}

TEST_F(QueueDamage, of_a_word_of_a_limited_ring_is_an_error_or_nothing) {
  make({.maxsize = 100, .max_bytes = 1'000'000}, false);
  const std::size_t volume = kRing + offsetof(shm::RingWords, put);
  expect_no_crash({{kRing, kRing + 24}, {volume, volume + 2 * shm::kLine}});
}

TEST_F(QueueDamage, of_the_type_of_items_is_an_error_or_nothing) {
  make({}, false);
  constexpr std::size_t kItem = kRing + offsetof(shm::RingWords, item);
  expect_no_crash({{kItem, kItem + 24}});
}

TEST_F(QueueDamage, of_the_header_of_a_record_is_an_error_or_nothing) {
  make({}, true);
  expect_no_crash(record_headers());
}

TEST_F(QueueDamage, of_who_took_what_is_an_error_or_nothing) {
  make({}, false);
  const std::size_t entries = kTally + offsetof(shm::TallyWords, entries);
  expect_no_crash({{kTally, entries + 2 * sizeof(shm::TallyEntry)}});
}

TEST_F(QueueDamage, of_who_has_what_in_hand_is_an_error_or_nothing) {
  make({.redeliver = true}, false);
  const std::size_t hands = table_of_extents();
  ASSERT_GT(content_size(), hands);
  expect_no_crash({{kTally, kTally + offsetof(shm::TallyWords, all_ended)},
                   {hands, hands + 3 * sizeof(shm::Extent)}});
  expect_no_crash(record_headers());
}

}  // namespace
