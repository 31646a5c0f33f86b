#include "ring/ring.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <deque>
#include <random>
#include <shoal/error.hpp>
#include <string>
#include <thread>
#include <vector>

namespace shoal::ring {
namespace {

using shm::Kind;
using shm::Segment;

std::shared_ptr<Segment> new_segment(std::uint64_t max_items = 0) {
  return Segment::create(Kind::kQueue, "test", Ring::segment_size(),
                         [max_items](std::byte* base) { Ring::initialise(base, {max_items}); });
}

bool put(Ring& ring, const std::string& text, os::Deadline deadline = os::Deadline::now()) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  return ring.put({&part, 1}, Encoding::kPickle, deadline);
}

std::optional<std::string> get(Ring& ring, os::Deadline deadline = os::Deadline::now()) {
  static thread_local std::string room(1 << 22, '\0');
  Record record;
  const Get result = ring.get(std::as_writable_bytes(std::span(room)), record, deadline);
  if (result != Get::kDone) return std::nullopt;
  return room.substr(0, record.bytes);
}

TEST(Ring, gives_back_what_was_put_in_order) {
  Ring ring(new_segment());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(put(ring, "item " + std::to_string(i)));
  EXPECT_EQ(ring.items(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(get(ring), "item " + std::to_string(i));
  EXPECT_EQ(get(ring), std::nullopt);
  EXPECT_TRUE(ring.empty());
}

TEST(Ring, holds_records_of_every_small_size_and_of_many_mebibytes) {
  Ring ring(new_segment());
  for (std::size_t size = 0; size < 200; ++size) put(ring, std::string(size, 'x'));
  put(ring, std::string(3 << 20, 'y'));
  for (std::size_t size = 0; size < 200; ++size) EXPECT_EQ(get(ring), std::string(size, 'x'));
  EXPECT_EQ(get(ring), std::string(3 << 20, 'y'));
}

TEST(Ring, is_full_at_max_items_and_has_room_again_after_one_get) {
  Ring ring(new_segment(3));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(put(ring, "a"));
  EXPECT_FALSE(put(ring, "b"));
  EXPECT_FALSE(put(ring, "b", os::Deadline::after(std::chrono::milliseconds(5))));
  EXPECT_EQ(get(ring), "a");
  EXPECT_TRUE(put(ring, "b"));
  EXPECT_EQ(ring.items(), 3U);
}

TEST(Ring, says_how_much_room_an_item_needs_and_keeps_it) {
  Ring ring(new_segment());
  put(ring, "twelve bytes");
  std::array<std::byte, 4> small{};
  Record record;
  EXPECT_EQ(ring.try_get(small, record, {}), Get::kTooSmall);
  EXPECT_EQ(record.bytes, 12U);
  EXPECT_EQ(get(ring), "twelve bytes");
}

TEST(Ring, fills_the_second_part_of_a_room_where_the_first_ends) {
  Ring ring(new_segment());
  put(ring, "twelve bytes");
  std::array<std::byte, 7> first{};
  std::array<std::byte, 9> second{};
  Record record;
  ASSERT_EQ(ring.try_get(Room(first, second), record, {}), Get::kDone);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(first.data()), 7), "twelve ");
  EXPECT_EQ(std::string(reinterpret_cast<char*>(second.data()), 5), "bytes");
}

// Random puts and gets of random sizes against a deque, through many wraps and growths.
TEST(Ring, behaves_like_a_deque) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Ring ring(new_segment());
  std::deque<std::string> model;
  std::uniform_int_distribution<std::size_t> any_size(0, 9000);
  for (int step = 0; step < 60'000; ++step) {
    const bool filling = (step / 2000) % 2 == 0;
    if (random() % 10 < (filling ? 6U : 4U)) {
      std::string item(random() % 50 == 0 ? any_size(random) * 20 : any_size(random) / 40, 'a');
      if (!item.empty()) item[0] = static_cast<char>('a' + step % 26);
      ASSERT_TRUE(put(ring, item));
      model.push_back(std::move(item));
    } else if (model.empty()) {
      ASSERT_EQ(get(ring), std::nullopt);
    } else {
      ASSERT_EQ(get(ring), model.front());
      model.pop_front();
    }
    ASSERT_EQ(ring.items(), model.size());
    ASSERT_EQ(ring.empty(), model.empty());
  }
}

TEST(Ring, wakes_a_sleeping_consumer) {
  Ring ring(new_segment());
  std::thread consumer(
      [&] { EXPECT_EQ(get(ring, os::Deadline::after(std::chrono::seconds(10))), "hello"); });
  put(ring, "hello");
  consumer.join();
}

TEST(Ring, wakes_a_sleeping_producer) {
  Ring ring(new_segment(1));
  put(ring, "first");
  std::thread producer(
      [&] { EXPECT_TRUE(put(ring, "second", os::Deadline::after(std::chrono::seconds(10)))); });
  EXPECT_EQ(get(ring), "first");
  producer.join();
  EXPECT_EQ(get(ring), "second");
}

TEST(Ring, delivers_each_item_once_to_many_threads) {
  constexpr int kPerProducer = 20'000;
  constexpr int kThreads = 3;
  Ring ring(new_segment(1000));
  std::vector<std::atomic<int>> seen(kPerProducer * kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPerProducer; ++i) {
        put(ring, std::to_string(t * kPerProducer + i), os::Deadline::never());
      }
    });
    threads.emplace_back([&] {
      for (int i = 0; i < kPerProducer; ++i) {
        std::array<std::byte, 16> room{};
        Record record;
        ASSERT_EQ(ring.get(room, record, os::Deadline::after(std::chrono::seconds(10))),
                  Get::kDone);
        const std::string text(reinterpret_cast<const char*>(room.data()), record.bytes);
        ++seen[static_cast<std::size_t>(std::stoi(text))];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& count : seen) ASSERT_EQ(count, 1);
  EXPECT_TRUE(ring.empty());
}

// As a producer leaves it that is killed between an item's commit and the tail.
TEST(Ring, appends_after_an_item_that_the_tail_does_not_count) {
  auto segment = new_segment();
  Ring ring(segment);
  put(ring, "first");
  auto& tail = segment->content<shm::RingWords>().tail;
  const auto before = tail.load();
  put(ring, "second");
  tail = before;
  put(ring, "third");
  EXPECT_EQ(ring.items(), 3U);
  for (const char* text : {"first", "second", "third"}) EXPECT_EQ(get(ring), text);
}

// As a producer leaves it that is killed between the segment's growth and the table's.
TEST(Ring, uses_memory_that_no_block_has) {
  auto segment = new_segment();
  Ring ring(segment);
  segment->grow(Ring::segment_size() + Extents::table_size(), 1 << 20);
  const auto size = segment->size();
  for (int i = 0; i < 100; ++i) put(ring, std::string(1000, 'x'));
  EXPECT_EQ(segment->size(), size);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(get(ring), std::string(1000, 'x'));
}

// As if so many items had been put that one more could not be counted.
TEST(Ring, refuses_the_item_that_it_could_not_count_whatever_max_items_says) {
  for (const std::uint64_t max_items : {std::uint64_t{0}, std::uint64_t{1'000'000'000}}) {
    auto segment = new_segment(max_items);
    Ring ring(segment);
    put(ring, "x");
    auto& words = segment->content<shm::RingWords>();
    const Position start(words.head.load());
    words.head = Position(start.unit(), start.items() + 2 - kMostItems).word();
    words.seen_head = words.head.load();
    put(ring, "the last");
    EXPECT_EQ(ring.items(), kMostItems);
    EXPECT_THROW(put(ring, "one more"), OutOfMemory);
    EXPECT_EQ(ring.items(), kMostItems);
  }
}

TEST(Ring, never_counts_more_items_than_max_items) {
  Ring ring(new_segment(2));
  std::atomic<bool> stop{false};
  const auto again_and_again = [&stop](auto call) {
    return std::thread([&stop, call] {
      while (!stop) call(os::Deadline::after(std::chrono::milliseconds(10)));
    });
  };
  auto producer = again_and_again([&](os::Deadline until) { put(ring, "x", until); });
  auto consumer = again_and_again([&](os::Deadline until) { get(ring, until); });
  for (int i = 0; i < 500'000; ++i) {
    if (const auto count = ring.items(); count > 2) {
      ADD_FAILURE() << count;
      break;
    }
  }
  stop = true;
  producer.join();
  consumer.join();
}

// A child that lives in another pid namespace sees the same: numbers that are not the maker's.
TEST(Ring, refuses_each_call_of_a_process_of_another_namespace) {
  auto segment = new_segment();
  Ring ring(segment);
  const pid_t child = ::fork();
  if (child == 0) {
    reinterpret_cast<shm::SegmentHeader*>(segment->at(0, shm::kHeaderRoom))->pid_namespace += 1;
    EXPECT_THROW(get(ring, os::Deadline::after(std::chrono::seconds(1))), WrongNamespace);
    EXPECT_THROW(get(ring), WrongNamespace);
    EXPECT_THROW(put(ring, "x"), WrongNamespace);
    EXPECT_THROW(static_cast<void>(ring.empty()), WrongNamespace);
    EXPECT_THROW(static_cast<void>(ring.items()), WrongNamespace);
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Ring, refuses_links_that_go_in_a_circle) {
  auto segment = new_segment();
  Ring ring(segment);
  const Position at(segment->content<shm::RingWords>().head.load());
  const auto header_at = [&](std::uint64_t unit) -> shm::Word& {
    return *reinterpret_cast<shm::Word*>(segment->at(unit * kUnit, kUnit));
  };
  header_at(at.unit()) = Header::link(at.unit() + 1).word();
  header_at(at.unit() + 1) = Header::link(at.unit()).word();
  EXPECT_THROW(static_cast<void>(get(ring)), Damaged);
  EXPECT_THROW(static_cast<void>(ring.empty()), Damaged);
}

// A producer seems to sleep, so the table of blocks is looked at; the tail lies in none.
TEST(Ring, gives_the_item_it_took_although_the_tail_is_damaged) {
  auto segment = new_segment();
  Ring ring(segment);
  put(ring, "first");
  put(ring, "second");
  auto& words = segment->content<shm::RingWords>();
  words.not_full.sleepers = 3;
  words.tail = Position(5, 2).word();
  EXPECT_EQ(get(ring), "first");
  EXPECT_EQ(words.not_full.sleepers, 0U) << "woken, to be safe";
}

// It died between its commit and the count.
TEST(Ring, is_not_joined_while_an_item_is_there_that_a_dead_producer_did_not_count) {
  const Options options{.joinable = true};
  const auto segment =
      shm::Segment::create(shm::Kind::kQueue, "", Ring::segment_size(options),
                           [&](std::byte* base) { Ring::initialise(base, options); });
  Ring ring(segment);
  auto& words = segment->content<shm::RingWords>();
  const std::uint64_t tail = words.tail;
  ASSERT_TRUE(put(ring, "item"));
  words.tail = tail;
  words.producers.owner = 1ULL << 32U;
  EXPECT_FALSE(ring.join(os::Deadline::now()));
  EXPECT_EQ(get(ring), "item");
  ring.end_item();
  EXPECT_TRUE(ring.join(os::Deadline::now()));
}

TEST(Ring, takes_a_lock_from_an_owner_that_no_process_can_be) {
  auto segment = new_segment();
  Ring ring(segment);
  segment->content<shm::RingWords>().producers.owner = 1ULL << 32U;
  EXPECT_TRUE(put(ring, "x"));
  segment->content<shm::RingWords>().consumers.owner = 1ULL << 32U;
  EXPECT_EQ(get(ring), "x");
}

TEST(Ring, refuses_positions_outside_of_its_segment) {
  auto segment = new_segment();
  Ring ring(segment);
  put(ring, "x");
  segment->content<shm::RingWords>().head.store(Position(1ULL << 35U, 0).word());
  EXPECT_THROW(static_cast<void>(get(ring)), Damaged);
}

}  // namespace
}  // namespace shoal::ring
