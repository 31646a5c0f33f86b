// Forks in the middle of the traffic of threads on a queue, and threads beside processes.
#include <gtest/gtest.h>

#include <map>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using shoal::Process;
using shoal::Queue;
using support::ends_with;
using support::kDeadline;
using support::started;

class QueueForkTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueForkTest, support::kStartMethods, support::start_method_name);

using Item = std::pair<int, int>;  // who put it, and which of its items it is
using Items = std::vector<Item>;

// Everybody puts as many as it takes.
void put_and_take(Queue<Item> queue, Queue<Items> taken, int who, int count) {
  Items items;
  for (int i = 0; i < count; ++i) {
    queue.put({who, i});
    items.push_back(queue.get());
  }
  taken.put(items);
}

TEST_P(QueueForkTest, in_the_middle_of_traffic_loses_and_doubles_nothing) {
  constexpr int kThreads = 4;
  constexpr int kProcesses = 24;
  constexpr int kEach = 4000;
  Queue<Item> queue;
  Queue<Items> taken;
  std::vector<std::thread> threads;
  std::vector<Process> processes;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] { put_and_take(queue, taken, i, 5 * kEach); });
  }
  for (int i = 0; i < kProcesses; ++i) {
    processes.push_back(started(put_and_take, queue, taken, kThreads + i, kEach));
  }
  std::map<Item, int> times;
  for (int i = 0; i < kThreads + kProcesses; ++i) {
    const auto items = taken.get_for(kDeadline);
    EXPECT_TRUE(items);
    for (const Item& item : items.value_or(Items())) ++times[item];
  }
  for (auto& thread : threads) thread.join();
  for (auto& process : processes) ends_with(process, 0);
  EXPECT_EQ(times.size(), std::size_t{(5 * kThreads + kProcesses) * kEach});
  for (const auto& [item, count] : times) EXPECT_EQ(count, 1);
  EXPECT_TRUE(queue.empty());
}

void add(Queue<int> from, Queue<int> to, int count) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([=]() mutable {
      for (int i = 0; i < count; ++i) to.put(from.get() + 1);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_P(QueueForkTest, threads_of_several_processes_share_two_queues) {
  constexpr int kEach = 2000;
  constexpr int kProcesses = 3;
  constexpr int kAll = 3 * kProcesses * kEach;
  Queue<int> there(10);
  Queue<int> back(10);
  std::vector<Process> processes;
  for (int i = 0; i < kProcesses; ++i) processes.push_back(started(add, there, back, kEach));
  std::thread putting([&] {
    for (int i = 0; i < kAll; ++i) there.put(i);
  });
  std::vector<int> times(kAll + 1);
  for (int i = 0; i < kAll; ++i) {
    const auto got = back.get_for(kDeadline);
    EXPECT_TRUE(got);
    ++times.at(static_cast<std::size_t>(got.value_or(0)));
  }
  putting.join();
  for (auto& process : processes) ends_with(process, 0);
  EXPECT_EQ(times.at(0), 0);
  for (std::size_t i = 1; i < times.size(); ++i) EXPECT_EQ(times[i], 1) << i;
}

}  // namespace
