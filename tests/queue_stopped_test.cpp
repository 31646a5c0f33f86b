// Processes that are stopped in the middle of a call, which is not death: nobody takes over from
// them, and the others go on or come to the end of their time.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <span>
#include <string>
#include <vector>

#include "channel/queue_core.hpp"
#include "support/board.hpp"
#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using shoal::JoinableQueue;
using shoal::Process;
using shoal::Queue;
using shoal::QueueBase;
using support::Board;
using support::ends_with;
using support::happens;
using support::kDeadline;
using support::started;

class QueueStoppedTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueStoppedTest, support::kStartMethods,
                         support::start_method_name);

// ---------------------------------------------------------------- stopping in a copy

/// A number in memory that stops the process which first touches it: what reads or writes it under
/// a lock stands still there until it is told to go on.
class StoppingNumber {
 public:
  explicit StoppingNumber(std::int64_t number) {
    page = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) std::abort();
    value() = number;
    ::mprotect(page, kSize, PROT_NONE);
    struct sigaction action{};
    action.sa_handler = [](int) {
      ::raise(SIGSTOP);
      ::mprotect(page, kSize, PROT_READ | PROT_WRITE);
    };
    ::sigaction(SIGSEGV, &action, nullptr);
  }
  [[nodiscard]] std::int64_t& value() const { return *static_cast<std::int64_t*>(page); }
  [[nodiscard]] std::span<std::byte> bytes() const {
    return {static_cast<std::byte*>(page), sizeof(std::int64_t)};
  }

 private:
  static constexpr std::size_t kSize = 4096;
  static inline void* page = nullptr;
};

void put_and_be_stopped(Queue<std::int64_t> queue, std::int64_t number) {
  const StoppingNumber stopping(number);
  const std::span<const std::byte> bytes = stopping.bytes();
  queue.core()->ring().put({&bytes, 1}, shoal::ring::Encoding::kInt64,
                           shoal::os::Deadline::never());
}

void get_and_be_stopped(JoinableQueue<std::int64_t> queue, Queue<std::int64_t> taken) {
  const StoppingNumber stopping(0);
  shoal::ring::Record record;
  queue.core()->ring().get(stopping.bytes(), record, shoal::os::Deadline::never());
  taken.put(stopping.value());
  queue.task_done();
}

bool is_stopped(const Process& process) {
  std::ifstream file("/proc/" + std::to_string(*process.pid()) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto end = text.rfind(") ");
  return end != std::string::npos && text.at(end + 2) == 'T';
}

void go_on(const Process& process) { ::kill(*process.pid(), SIGCONT); }

int owner(const shoal::shm::LockWords& lock) { return shoal::os::pid_of(lock.owner); }
const shoal::shm::RingWords& words_of(const QueueBase& queue) {
  return queue.core()->segment().content<shoal::shm::RingWords>();
}

template <class Call>
void expect_shut(const Call& call) {
  EXPECT_THROW(static_cast<void>(call()), shoal::ShutDown);
}

// ---------------------------------------------------------------- in a put

TEST_P(QueueStoppedTest, in_a_put_it_keeps_nobody_longer_than_asked_for) {
  Queue<std::int64_t> queue;
  queue.put_many(std::vector<std::int64_t>{1, 2});
  Process producer = started(put_and_be_stopped, queue, 7);
  ASSERT_TRUE(happens([&] { return is_stopped(producer); }));
  EXPECT_EQ(owner(words_of(queue).producers), *producer.pid());
  EXPECT_FALSE(queue.put_for(3, 20ms));
  EXPECT_FALSE(queue.try_put(3));
  EXPECT_EQ(queue.put_many_for(std::vector<std::int64_t>{3, 4}, 20ms), 0U);
  EXPECT_EQ(queue.qsize(), 2U);
  EXPECT_EQ(queue.get(), 1) << "who takes goes on";
  EXPECT_EQ(queue.try_get(), 2);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  EXPECT_EQ(queue.get_for(20ms), std::nullopt);
  EXPECT_TRUE(queue.try_get_many(5).empty());
  EXPECT_TRUE(queue.empty());
  go_on(producer);
  ends_with(producer, 0);
  EXPECT_EQ(queue.try_get(), 7);
  queue.put(8);
  EXPECT_EQ(queue.try_get(), 8);
}

void get_one(Queue<std::int64_t> queue, const Board& board) {
  board.note("got", std::to_string(queue.get()));
}

TEST_P(QueueStoppedTest, in_a_put_it_is_waited_for) {
  const Board board = Board::make();
  Queue<std::int64_t> queue;
  Process producer = started(put_and_be_stopped, queue, 7);
  ASSERT_TRUE(happens([&] { return is_stopped(producer); }));
  Process consumer = started(get_one, queue, board);
  go_on(producer);
  ends_with(producer, 0);
  ends_with(consumer, 0);
  EXPECT_EQ(board.read("got"), "7");
  EXPECT_TRUE(queue.empty());
}

// ---------------------------------------------------------------- in a get

TEST_P(QueueStoppedTest, in_a_get_it_keeps_nobody_longer_than_asked_for) {
  JoinableQueue<std::int64_t> queue;
  Queue<std::int64_t> taken;
  queue.put_many(std::vector<std::int64_t>{1, 2, 3});
  Process consumer = started(get_and_be_stopped, queue, taken);
  ASSERT_TRUE(happens([&] { return is_stopped(consumer); }));
  EXPECT_EQ(owner(words_of(queue).consumers), *consumer.pid());
  queue.put(4);  // who puts goes on
  EXPECT_TRUE(queue.try_put(5));
  EXPECT_EQ(queue.qsize(), 5U);
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(queue.get_for(20ms), std::nullopt);
  EXPECT_EQ(queue.try_get(), std::nullopt);
  EXPECT_TRUE(queue.get_many_for(3, 20ms).empty());
  EXPECT_FALSE(queue.join_for(20ms));
  go_on(consumer);
  EXPECT_EQ(taken.get_for(kDeadline), 1) << "it was there for nobody else";
  ends_with(consumer, 0);
  for (std::int64_t number = 2; number <= 5; ++number) {
    EXPECT_EQ(queue.get(), number);
    queue.task_done();
  }
  EXPECT_TRUE(queue.join_for(0s));
}

TEST_P(QueueStoppedTest, in_a_get_it_keeps_nobody_from_the_end) {
  JoinableQueue<std::int64_t> queue;
  Queue<std::int64_t> taken;
  queue.put_many(std::vector<std::int64_t>{1, 2, 3});
  Process consumer = started(get_and_be_stopped, queue, taken);
  ASSERT_TRUE(happens([&] { return is_stopped(consumer); }));
  queue.shutdown(true);
  expect_shut([&] { return queue.try_get(); });
  expect_shut([&] { return queue.get_for(20ms); });
  expect_shut([&] { return queue.get_many_for(3, 20ms); });
  expect_shut([&] { return queue.try_put(4); });
  EXPECT_FALSE(queue.join_for(20ms)) << "what it is about to take is to be done";
  go_on(consumer);
  EXPECT_EQ(taken.get_for(kDeadline), 1);
  ends_with(consumer, 0);
  EXPECT_TRUE(queue.join_for(kDeadline)) << "the others are dropped";
  EXPECT_EQ(queue.qsize(), 0U);
  expect_shut([&] { return queue.get(); });
}

// ---------------------------------------------------------------- outside of any call

// Its first byte says which it is. Many of these, so that the queue grows.
std::string item(int i) { return std::string(90'000, static_cast<char>(i % 100)); }

void get_one_and_the_rest_when_told(const Board& board, Queue<std::string> queue, int count) {
  int right = queue.get() == item(0) ? 1 : 0;
  board.note("one");
  if (!board.waits_for("the rest")) return;
  for (int i = 1; i < count; ++i) right += queue.get() == item(i) ? 1 : 0;
  board.note("right", std::to_string(right));
}

TEST_P(QueueStoppedTest, for_long_it_finds_all_in_order) {
  constexpr int kCount = 600;  // 54 MB
  const Board board = Board::make();
  Queue<std::string> queue;
  Process consumer = started(get_one_and_the_rest_when_told, board, queue, kCount);
  queue.put(item(0));
  ASSERT_TRUE(board.waits_for("one"));
  ::kill(*consumer.pid(), SIGSTOP);
  for (int i = 1; i < kCount; ++i) queue.put(item(i));
  EXPECT_EQ(queue.qsize(), std::size_t{kCount - 1});
  go_on(consumer);
  board.note("the rest");
  EXPECT_EQ(board.read("right"), std::to_string(kCount));
  ends_with(consumer, 0);
  EXPECT_TRUE(queue.empty());
}

}  // namespace
