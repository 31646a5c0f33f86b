// Items that are delivered again where who had them died.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <shoal/error.hpp>
#include <string>
#include <thread>
#include <vector>

#include "ring/ring.hpp"

namespace shoal::ring {
namespace {

using shm::Kind;
using shm::Segment;

constexpr std::uint64_t kLarge = 300'000;
constexpr auto kDeadline = std::chrono::seconds(10);

std::shared_ptr<Segment> new_segment(Options options = {}) {
  options.redeliver = true;
  return Segment::create(Kind::kQueue, "test", Ring::segment_size(options),
                         [options](std::byte* base) { Ring::initialise(base, options); });
}

struct Got {
  std::string text;
  std::uint32_t deliveries = 0;
  bool operator==(const Got&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Got& got) {
  return out << got.text.substr(0, 20) << " (" << got.text.size() << " bytes) for the "
             << got.deliveries << ". time";
}

void put(Ring& ring, const std::string& text) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  ASSERT_TRUE(ring.put({&part, 1}, Encoding::kPickle, os::Deadline::now()));
}

std::optional<Got> get(Ring& ring, os::Deadline deadline = os::Deadline::now()) {
  std::string room(1 << 20, '\0');
  Record record;
  Room into(std::as_writable_bytes(std::span(room)));
  into.in_place = true;  // which is as good as false here
  if (ring.get(into, record, deadline) != Get::kDone) return std::nullopt;
  EXPECT_FALSE(record.content);
  return Got{room.substr(0, record.bytes), record.deliveries};
}

shm::TallyWords& ends_of(const Ring& ring) {
  auto& segment = const_cast<Segment&>(ring.segment());
  constexpr std::uint64_t kPlace = shm::kHeaderRoom + sizeof(shm::RingWords);
  return *reinterpret_cast<shm::TallyWords*>(segment.at(kPlace, sizeof(shm::TallyWords)));
}

// As if nobody had looked for the dead for a while.
void wait_for_next_look(const Ring& ring) { ends_of(ring).looked_at = 0; }

// A process that does this and is gone.
void in_child(const Ring& ring, const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  wait_for_next_look(ring);
}

void takes_and_dies(Ring& ring, int items) {
  in_child(ring, [&] {
    for (int i = 0; i < items; ++i) EXPECT_TRUE(get(ring).has_value());
  });
}

std::uint64_t memory_of(const Segment& segment) {
  struct stat facts{};
  EXPECT_EQ(::fstat(segment.fd(), &facts), 0);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

std::string large(char fill) { return std::string(kLarge, fill); }

TEST(Redelivery, of_nothing_where_all_is_done) {
  Ring ring(new_segment());
  EXPECT_TRUE(ring.joinable());
  EXPECT_TRUE(ring.redelivers());
  EXPECT_TRUE(ring.join(os::Deadline::now()));
  for (const auto& text : {std::string("small"), large('x'), std::string()}) {
    put(ring, text);
    EXPECT_EQ(get(ring), (Got{text, 1}));
    EXPECT_FALSE(ring.join(os::Deadline::now()));
    ring.end_item();
    EXPECT_TRUE(ring.join(os::Deadline::now()));
  }
  EXPECT_EQ(get(ring), std::nullopt);
}

TEST(Redelivery, gives_what_the_dead_had_to_the_next) {
  Ring ring(new_segment());
  put(ring, "first");
  put(ring, large('l'));
  put(ring, "in the queue");
  takes_and_dies(ring, 2);
  EXPECT_FALSE(ring.join(os::Deadline::now()));
  EXPECT_EQ(get(ring), (Got{"first", 2}));
  EXPECT_EQ(get(ring), (Got{large('l'), 2}));
  EXPECT_EQ(get(ring), (Got{"in the queue", 1}));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(ring.join(os::Deadline::now()));
    ring.end_item();
  }
  EXPECT_TRUE(ring.join(os::Deadline::now()));
}

TEST(Redelivery, counts_each_time) {
  Ring ring(new_segment());
  put(ring, "deadly");
  put(ring, "harmless");
  for (std::uint32_t turn = 1; turn <= 4; ++turn) {
    in_child(ring, [&] { EXPECT_EQ(get(ring), (Got{"deadly", turn})); });
  }
  EXPECT_EQ(get(ring), (Got{"deadly", 5}));
  EXPECT_EQ(get(ring), (Got{"harmless", 1}));
}

TEST(Redelivery, goes_by_age_whoever_had_it) {
  Ring ring(new_segment());
  for (const char* text : {"1", "2", "3", "4", "5"}) put(ring, text);
  takes_and_dies(ring, 2);
  in_child(ring, [&] {
    EXPECT_EQ(get(ring), (Got{"1", 2}));
    EXPECT_EQ(get(ring), (Got{"2", 2}));
    EXPECT_EQ(get(ring), (Got{"3", 1}));
    ring.end_item();  // the first
  });
  EXPECT_EQ(get(ring), (Got{"2", 3}));
  EXPECT_EQ(get(ring), (Got{"3", 2}));
  EXPECT_EQ(get(ring), (Got{"4", 1}));
}

TEST(Redelivery, leaves_the_living_what_they_have) {
  Ring ring(new_segment());
  put(ring, "mine");
  put(ring, "its");
  EXPECT_EQ(get(ring), (Got{"mine", 1}));
  takes_and_dies(ring, 1);
  EXPECT_EQ(get(ring), (Got{"its", 2}));
  EXPECT_EQ(get(ring), std::nullopt);
  in_child(ring, [&] { EXPECT_EQ(get(ring), std::nullopt); });
}

TEST(Redelivery, wakes_who_waits) {
  auto segment = new_segment();
  Ring ring(segment);
  put(ring, "only one");
  int gate[2];
  ASSERT_EQ(::pipe(gate), 0);
  const pid_t holder = ::fork();
  if (holder == 0) {
    const bool got = get(ring).has_value();
    static_cast<void>(::write(gate[1], got ? "+" : "-", 1));
    ::pause();
  }
  char told = 0;
  ASSERT_EQ(::read(gate[0], &told, 1), 1);
  ASSERT_EQ(told, '+');
  std::vector<std::thread> threads;
  threads.reserve(3);
  std::atomic<int> came{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      const auto got = get(ring, os::Deadline::after(kDeadline));
      if (got == Got{"only one", 2}) ++came;
      if (got == Got{"after it", 1}) came += 10;
    });
  }
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  const auto deadline = os::Deadline::after(kDeadline);
  while (came == 0 && !deadline.passed()) ::usleep(100);
  EXPECT_EQ(came, 1);
  for (int i = 0; i < 2; ++i) put(ring, "after it");
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(came, 21);
  ::close(gate[0]);
  ::close(gate[1]);
}

TEST(Redelivery, wakes_as_many_as_there_are_items) {
  Ring ring(new_segment());
  constexpr int kItems = 6;
  for (int i = 0; i < kItems; ++i) put(ring, "item");
  takes_and_dies(ring, kItems);
  std::vector<std::thread> threads;
  threads.reserve(kItems);
  std::atomic<int> came{0};
  for (int i = 0; i < kItems; ++i) {
    threads.emplace_back([&] {
      if (get(ring, os::Deadline::after(kDeadline)) == Got{"item", 2}) ++came;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(came, kItems);
}

TEST(Redelivery, happens_while_other_items_flow) {
  Ring ring(new_segment());
  put(ring, "of the dead");
  takes_and_dies(ring, 1);
  const auto deadline = os::Deadline::after(kDeadline);
  for (;;) {
    ASSERT_FALSE(deadline.passed());
    put(ring, "other");
    put(ring, "other");  // so that it is never found empty
    const auto got = get(ring);
    if (!got) FAIL() << "it is not empty";
    if (got->deliveries == 2) break;
    ring.end_item();
  }
}

TEST(Redelivery, task_done_is_for_own_items_only) {
  Ring ring(new_segment());
  EXPECT_THROW(ring.end_item(), NotHeldError);
  put(ring, "in the queue");
  EXPECT_THROW(ring.end_item(), NotHeldError);
  EXPECT_TRUE(get(ring).has_value());
  in_child(ring, [&] { EXPECT_THROW(ring.end_item(), NotHeldError); });
  ring.end_item();
  EXPECT_THROW(ring.end_item(), NotHeldError);
}

TEST(Redelivery, task_done_ends_the_oldest_of_the_thread_else_of_the_process) {
  Ring ring(new_segment());
  for (const char* text : {"1", "2", "3", "4", "5"}) put(ring, text);
  in_child(ring, [&] {
    EXPECT_TRUE(get(ring).has_value());
    std::thread([&] {
      EXPECT_TRUE(get(ring).has_value());
      EXPECT_TRUE(get(ring).has_value());
      ring.end_item();  // "2"
    }).join();
    EXPECT_TRUE(get(ring).has_value());
    std::thread([&] { ring.end_item(); }).join();  // has none: "1"
    EXPECT_TRUE(get(ring).has_value());
    ring.end_item();  // "4"
  });
  EXPECT_EQ(get(ring), (Got{"3", 2}));
  EXPECT_EQ(get(ring), (Got{"5", 2}));
  EXPECT_EQ(get(ring), std::nullopt);
}

TEST(Redelivery, task_done_goes_by_the_order_of_taking) {
  Ring ring(new_segment());
  put(ring, "older");
  put(ring, "younger");
  takes_and_dies(ring, 1);
  ends_of(ring).looked_at = static_cast<std::uint64_t>(os::coarse_now().count());
  in_child(ring, [&] {
    EXPECT_EQ(get(ring), (Got{"younger", 1}));
    EXPECT_EQ(get(ring), (Got{"older", 2}));
    ring.end_item();
  });
  EXPECT_EQ(get(ring), (Got{"older", 3}));
  EXPECT_EQ(get(ring), std::nullopt);
}

TEST(Redelivery, what_is_still_read_is_not_ended) {
  auto segment = new_segment();
  Ring ring(segment);
  put(ring, "item");
  EXPECT_TRUE(get(ring).has_value());
  constexpr std::uint64_t kReading = Hands::Hand::kReading;
  const Extents extents(*segment, segment->content<shm::RingWords>(),
                        Ring::segment_size({.redeliver = true}));
  shm::Extent& extent = extents[0];
  EXPECT_EQ(extent.hand & kReading, 0U);
  extent.hand |= kReading;
  EXPECT_THROW(ring.end_item(), NotHeldError);
  extent.hand &= ~kReading;
  ring.end_item();
}

TEST(Redelivery, join_waits_for_who_gets_it_next) {
  Ring ring(new_segment());
  put(ring, "item");
  takes_and_dies(ring, 1);
  std::thread other([&] {
    EXPECT_EQ(get(ring, os::Deadline::after(kDeadline)), (Got{"item", 2}));
    ring.end_item();
  });
  EXPECT_TRUE(ring.join(os::Deadline::after(kDeadline)));
  other.join();
}

TEST(Redelivery, goes_on_after_the_ring_was_shut) {
  Ring ring(new_segment());
  put(ring, "1");
  put(ring, "2");
  EXPECT_EQ(get(ring), (Got{"1", 1}));
  in_child(ring, [&] {
    EXPECT_TRUE(get(ring).has_value());
    ring.shut(false);
    EXPECT_THROW(get(ring), ShutDown) << "what the living have may still come back";
  });
  EXPECT_EQ(get(ring), (Got{"2", 2}));
  EXPECT_THROW(get(ring), ShutDown);
  ring.end_item();
  ring.end_item();
  EXPECT_TRUE(ring.join(os::Deadline::now()));
}

TEST(Redelivery, ends_where_the_ring_is_shut_at_once) {
  Ring ring(new_segment());
  for (const auto& text : {std::string("1"), large('2'), std::string("3"), large('4')}) {
    put(ring, text);
  }
  takes_and_dies(ring, 2);
  EXPECT_TRUE(get(ring).has_value());  // "1"
  ring.shut(true);
  EXPECT_THROW(get(ring), ShutDown);
  EXPECT_FALSE(ring.join(os::Deadline::now())) << "this process has one in hand";
  ring.end_item();
  EXPECT_TRUE(ring.join(os::Deadline::now()));
}

TEST(Redelivery, of_who_dies_after_the_ring_was_shut_at_once_lets_join_return) {
  Ring ring(new_segment());
  put(ring, "1");
  in_child(ring, [&] {
    EXPECT_TRUE(get(ring).has_value());
    ring.shut(true);
  });
  EXPECT_TRUE(ring.join(os::Deadline::after(kDeadline)));
}

TEST(Redelivery, needs_room_as_any_delivery) {
  Ring ring(new_segment());
  const std::string small(100, 's');
  put(ring, small);
  put(ring, large('l'));
  takes_and_dies(ring, 2);
  for (const std::string& text : {small, large('l')}) {
    std::array<std::byte, 50> room{};
    Record record;
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(ring.get(room, record, os::Deadline::now()), Get::kTooSmall);
      EXPECT_EQ(record.bytes, text.size());
      EXPECT_EQ(static_cast<char>(record.start[3]), text[3]);
    }
    EXPECT_EQ(get(ring), (Got{text, 2})) << "asking did not deliver it";
  }
}

TEST(Redelivery, is_not_for_batches) {
  Ring ring(new_segment());
  std::array<std::byte, 100> room{};
  std::vector<Slice> slices;
  EXPECT_EQ(ring.get_many(room, 5, slices, os::Deadline::now()), Get::kEmpty);
  put(ring, "1");
  EXPECT_EQ(ring.get_many(room, 5, slices, os::Deadline::now()), Get::kAlone);
  takes_and_dies(ring, 1);
  EXPECT_EQ(ring.get_many(room, 5, slices, os::Deadline::now()), Get::kAlone);
  EXPECT_EQ(get(ring), (Got{"1", 2}));
  ring.shut(false);
  EXPECT_THROW(static_cast<void>(ring.get_many(room, 5, slices, os::Deadline::now())), ShutDown);
}

TEST(Redelivery, is_not_for_descriptors) {
  auto segment = new_segment();
  Hold::make(*segment);
  Ring ring(segment);
  const int fd = STDIN_FILENO;
  Parcel parcel{{&fd, 1}};
  const auto part = std::as_bytes(std::span(&parcel.number, 1));
  EXPECT_THROW(
      static_cast<void>(ring.put({&part, 1}, Encoding::kParcel, os::Deadline::now(), &parcel)),
      std::invalid_argument);
  EXPECT_TRUE(ring.empty());
}

TEST(Redelivery, says_where_too_many_are_in_hand) {
  Ring ring(new_segment());
  for (std::size_t i = 0; i <= shm::kExtents; ++i) put(ring, std::to_string(i));
  for (std::size_t i = 0; i < shm::kExtents; ++i) {
    ASSERT_EQ(get(ring), (Got{std::to_string(i), 1}));
  }
  try {
    get(ring);
    FAIL() << "there is no hand left";
  } catch (const OutOfMemory& error) {
    EXPECT_NE(std::string(error.what()).find("1024 items in hand"), std::string::npos)
        << error.what();
    EXPECT_NE(std::string(error.what()).find("queue"), std::string::npos) << error.what();
  }
  EXPECT_EQ(ring.items(), 1U) << "it stays";
  ring.end_item();
  EXPECT_EQ(get(ring), (Got{std::to_string(shm::kExtents), 1}));
}

TEST(Redelivery, always_finds_room_beside_large_items_and_loans) {
  Ring ring(new_segment());
  std::vector<Lent> loans;
  for (Lent lent; ring.lend(8, os::Deadline::now(), lent);) loans.push_back(std::move(lent));
  EXPECT_EQ(loans.size(), shm::kExtents / 2);
  put(ring, large('l'));  // into a block
  put(ring, "small");
  EXPECT_EQ(get(ring), (Got{large('l'), 1}));
  EXPECT_EQ(get(ring), (Got{"small", 1}));
  ring.end_item();
  ring.end_item();
}

TEST(Redelivery, gives_its_memory_back) {
  auto segment = new_segment();
  Ring ring(segment);
  const auto before = memory_of(*segment);
  for (int turn = 0; turn < 3; ++turn) {
    for (int i = 0; i < 30; ++i) put(ring, large('x'));
    for (int i = 0; i < 300; ++i) put(ring, std::string(20'000, 'x'));
    takes_and_dies(ring, 200);
    while (get(ring)) ring.end_item();
    EXPECT_GT(memory_of(*segment), before + (4UL << 20U));
  }
  segment->content<shm::RingWords>().grown_at = 0;
  EXPECT_EQ(get(ring), std::nullopt);
  EXPECT_LE(memory_of(*segment), before + Extents::table_size());
}

TEST(Redelivery, leaves_room_for_items_in_a_bounded_ring) {
  Ring ring(new_segment({.max_items = 1}));
  for (int i = 0; i < 5; ++i) {
    put(ring, "item");
    EXPECT_TRUE(ring.full());
    EXPECT_TRUE(get(ring).has_value());
  }
  for (int i = 0; i < 5; ++i) ring.end_item();
  EXPECT_TRUE(ring.join(os::Deadline::now()));
}

TEST(Redelivery, survives_consumers_that_are_killed_at_any_time) {
  Ring ring(new_segment());
  constexpr std::size_t kItems = 400;
  std::vector<pid_t> children;
  const auto start = [&] {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      for (;;) {
        const auto got = get(ring, os::Deadline::never());
        if (got && got->text == "end") ::_exit(0);
        ring.end_item();
      }
    } catch (...) {
      ::_exit(1);
    }
  };
  children.reserve(3);
  for (int i = 0; i < 3; ++i) children.push_back(start());
  for (std::size_t i = 0; i < kItems; ++i) {
    put(ring, i % 20 == 0 ? large('l') : std::to_string(i));
    if (i % 8 != 0) continue;
    pid_t& victim = children[i / 8 % children.size()];
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
    victim = start();
  }
  EXPECT_TRUE(ring.join(os::Deadline::after(kDeadline)));
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  EXPECT_EQ(get(ring), std::nullopt);
}

}  // namespace
}  // namespace shoal::ring
