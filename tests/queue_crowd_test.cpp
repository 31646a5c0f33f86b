// A hundred processes on one queue.
#include <gtest/gtest.h>

#include <map>
#include <shoal/error.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <utility>
#include <vector>

#include "support/children.hpp"
#include "support/start_methods.hpp"

namespace {

using shoal::JoinableQueue;
using shoal::Process;
using shoal::Queue;
using support::ends_with;
using support::kDeadline;
using support::started;

class QueueCrowdTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, QueueCrowdTest, support::kStartMethods, support::start_method_name);

constexpr int kHalf = 50;  // as many put, and as many get
constexpr int kEach = 200;

using Item = std::pair<int, int>;  // who put it, and which of its items it is
using Items = std::vector<Item>;

void put_each(Queue<Item> queue, int producer) {
  for (int i = 0; i < kEach; ++i) queue.put({producer, i});
}

void get_until_the_end(Queue<Item> queue, Queue<Items> taken) {
  Items items;
  try {
    for (;;) items.push_back(queue.get());
  } catch (const shoal::ShutDown&) {
    taken.put(items);
  }
}

// Each consumer has seen the items of each producer in their order.
void expect_order(const Items& items) {
  std::map<int, int> next;
  for (const auto& [producer, i] : items) {
    EXPECT_GE(i, next[producer]) << "of producer " << producer;
    next[producer] = i + 1;
  }
}

TEST_P(QueueCrowdTest, gets_each_item_once) {
  for (const int maxsize : {0, 7}) {
    Queue<Item> queue(maxsize);
    Queue<Items> taken;
    std::vector<Process> producers;
    std::vector<Process> consumers;
    for (int i = 0; i < kHalf; ++i) {
      consumers.push_back(started(get_until_the_end, queue, taken));
      producers.push_back(started(put_each, queue, i));
    }
    for (auto& process : producers) ends_with(process, 0);
    queue.shutdown();
    std::map<Item, int> times;
    for (int i = 0; i < kHalf; ++i) {
      const auto items = taken.get_for(kDeadline);
      ASSERT_TRUE(items);
      expect_order(*items);
      for (const Item& item : *items) ++times[item];
    }
    for (auto& process : consumers) ends_with(process, 0);
    EXPECT_EQ(times.size(), std::size_t{kHalf * kEach});
    for (const auto& [item, count] : times) EXPECT_EQ(count, 1);
  }
}

void do_until_the_end(JoinableQueue<int> jobs) {
  try {
    for (;;) {
      static_cast<void>(jobs.get());
      jobs.task_done();
    }
  } catch (const shoal::ShutDown&) {  // all is done
  }
}

TEST_P(QueueCrowdTest, does_all_that_join_waits_for) {
  JoinableQueue<int> jobs(20);
  std::vector<Process> workers;
  for (int i = 0; i < 2 * kHalf; ++i) workers.push_back(started(do_until_the_end, jobs));
  for (int i = 0; i < 5000; ++i) jobs.put(i);
  EXPECT_TRUE(jobs.join_for(kDeadline));
  EXPECT_TRUE(jobs.empty());
  jobs.shutdown();
  for (auto& worker : workers) ends_with(worker, 0);
}

}  // namespace
