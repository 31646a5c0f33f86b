// Items outside of the blocks.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <shoal/error.hpp>
#include <string>
#include <vector>

#include "ring/ring.hpp"

namespace shoal::ring {
namespace {

using shm::Kind;
using shm::Segment;

constexpr std::uint64_t kLarge = 300'000;

std::shared_ptr<Segment> new_segment(const Options& options = {}) {
  return Segment::create(Kind::kQueue, "test", Ring::segment_size(options),
                         [options](std::byte* base) { Ring::initialise(base, options); });
}

std::string content(std::size_t size, int seed) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; i += 512) text[i] = static_cast<char>(seed + i / 512);
  return text;
}

bool put(Ring& ring, const std::string& text, os::Deadline deadline = os::Deadline::now()) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  return ring.put({&part, 1}, Encoding::kPickle, deadline);
}

std::string text_in(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<std::string> get(Ring& ring) {
  std::string room(8 << 20, '\0');
  Record record;
  const Get result = ring.get(std::as_writable_bytes(std::span(room)), record, os::Deadline::now());
  if (result != Get::kDone) return std::nullopt;
  EXPECT_FALSE(record.content);
  return room.substr(0, record.bytes);
}

Lent get_in_place(Ring& ring) {
  std::array<std::byte, 64> small{};
  Room room(small);
  room.in_place = true;
  Record record;
  EXPECT_EQ(ring.get(room, record, os::Deadline::now()), Get::kDone);
  return std::move(record.content);
}

std::uint64_t memory_of(const Ring& ring) {
  struct stat facts{};
  EXPECT_EQ(::fstat(ring.segment().fd(), &facts), 0);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

// As if it had not been used for a while.
void rest(const std::shared_ptr<Segment>& segment) {
  segment->content<shm::RingWords>().grown_at = 0;
}

void in_child(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      body();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE((WIFEXITED(status) && WEXITSTATUS(status) == 0) || WIFSIGNALED(status));
}

TEST(Lend, large_items_go_through_with_small_ones_in_order) {
  Ring ring(new_segment());
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(put(ring, "small " + std::to_string(i)));
    EXPECT_TRUE(put(ring, content(kLarge + i, i)));
  }
  EXPECT_EQ(ring.items(), 40U);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(get(ring), "small " + std::to_string(i));
    EXPECT_EQ(get(ring), content(kLarge + i, i));
  }
  EXPECT_EQ(get(ring), std::nullopt);
}

TEST(Lend, an_item_is_read_where_it_stands_and_freed_in_any_order) {
  Ring ring(new_segment());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(put(ring, content(kLarge, i)));
  Lent first = get_in_place(ring);
  Lent second = get_in_place(ring);
  const Lent third = get_in_place(ring);
  EXPECT_EQ(ring.items(), 0U);
  EXPECT_EQ(text_in(second.bytes()), content(kLarge, 1));
  second = Lent();
  EXPECT_TRUE(put(ring, content(kLarge, 7)));  // where the second was
  EXPECT_EQ(text_in(first.bytes()), content(kLarge, 0));
  EXPECT_EQ(text_in(third.bytes()), content(kLarge, 2));
  EXPECT_EQ(get(ring), content(kLarge, 7));
}

TEST(Lend, memory_is_used_again) {
  Ring ring(new_segment());
  EXPECT_TRUE(put(ring, content(kLarge, 1)));
  EXPECT_EQ(get(ring), content(kLarge, 1));
  const std::uint64_t memory = memory_of(ring);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(put(ring, content(kLarge, i)));
    EXPECT_EQ(get(ring), content(kLarge, i));
  }
  EXPECT_EQ(memory_of(ring), memory);
}

TEST(Lend, what_was_written_in_place_is_put_without_a_copy) {
  Ring ring(new_segment());
  Lent lent;
  ASSERT_TRUE(ring.lend(kLarge, os::Deadline::now(), lent));
  ASSERT_GE(lent.bytes().size(), kLarge);
  std::memcpy(lent.bytes().data(), content(kLarge, 3).data(), kLarge);
  EXPECT_TRUE(put(ring, "before"));
  EXPECT_TRUE(ring.put_lent(lent, kLarge, Encoding::kPickle, os::Deadline::now()));
  EXPECT_FALSE(lent);
  EXPECT_THROW(ring.put_lent(lent, 8, Encoding::kPickle, os::Deadline::now()), std::logic_error);
  EXPECT_EQ(get(ring), "before");
  EXPECT_EQ(get(ring), content(kLarge, 3));
}

TEST(Lend, what_was_lent_and_is_not_put_is_free_again) {
  Ring ring(new_segment({.max_items = 1}));
  EXPECT_TRUE(put(ring, "full"));
  for (int i = 0; i < 5; ++i) {
    Lent lent;
    ASSERT_TRUE(ring.lend(kLarge, os::Deadline::now(), lent));
    EXPECT_FALSE(ring.put_lent(lent, kLarge, Encoding::kPickle, os::Deadline::now()));
    EXPECT_TRUE(lent);
  }
  EXPECT_FALSE(put(ring, content(kLarge, 1)));
  EXPECT_EQ(memory_of(ring) / kLarge, 1U) << "five times the same";
}

TEST(Lend, a_child_has_no_part_in_what_its_parent_was_lent) {
  Ring ring(new_segment());
  EXPECT_TRUE(put(ring, content(kLarge, 1)));
  Lent lent;
  ASSERT_TRUE(ring.lend(kLarge, os::Deadline::now(), lent));
  Lent taken = get_in_place(ring);
  in_child([&] {
    EXPECT_THROW(ring.put_lent(lent, 8, Encoding::kPickle, os::Deadline::now()), std::logic_error);
    taken = Lent();
    lent = Lent();
    EXPECT_TRUE(put(ring, content(kLarge, 9)));
  });
  EXPECT_EQ(text_in(taken.bytes()), content(kLarge, 1));
  EXPECT_EQ(get(ring), content(kLarge, 9));
}

// The child is lent the same extent that it has its parent's copies of.
TEST(Lend, a_copy_of_what_the_parent_had_frees_nothing_of_the_child) {
  Ring ring(new_segment());
  EXPECT_TRUE(put(ring, content(kLarge, 1)));
  Lent view = get_in_place(ring);
  Lent lent;
  ASSERT_TRUE(ring.lend(kLarge, os::Deadline::now(), lent));
  std::array<int, 2> freed{};
  ASSERT_EQ(::pipe(freed.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = 0;
    EXPECT_EQ(::read(freed[0], &byte, 1), 1);
    std::array<Lent, 2> mine;
    for (auto& one : mine) {
      EXPECT_TRUE(ring.lend(kLarge, os::Deadline::now(), one));
      std::memcpy(one.bytes().data(), content(kLarge, 5).data(), kLarge);
    }
    EXPECT_TRUE(mine[0].bytes().data() == view.bytes().data() ||
                mine[1].bytes().data() == view.bytes().data());
    EXPECT_THROW(ring.put_lent(lent, 8, Encoding::kPickle, os::Deadline::now()), std::logic_error);
    view = Lent();
    lent = Lent();
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(put(ring, content(kLarge, 9)));
    for (const auto& one : mine) {
      EXPECT_TRUE(text_in(one.bytes().first(kLarge)) == content(kLarge, 5)) << "two have it";
    }
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  view = Lent();
  lent = Lent();
  EXPECT_EQ(::write(freed[1], "!", 1), 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const int fd : freed) ::close(fd);
}

TEST(Lend, what_the_dead_had_is_free_and_what_they_put_is_not) {
  const auto segment = new_segment();
  Ring ring(segment);
  EXPECT_TRUE(put(ring, content(kLarge, 1)));
  in_child([&] {
    Lent lent;
    EXPECT_TRUE(ring.lend(kLarge, os::Deadline::now(), lent));
    const Lent taken = get_in_place(ring);
    EXPECT_TRUE(put(ring, content(kLarge, 2)));
    ::raise(SIGKILL);
  });
  const std::uint64_t memory = memory_of(ring);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(put(ring, content(kLarge, 10 + i)));
  EXPECT_EQ(memory_of(ring), memory) << "what the dead had was not used again";
  EXPECT_EQ(get(ring), content(kLarge, 2));
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get(ring), content(kLarge, 10 + i));
}

TEST(Lend, memory_goes_back_but_for_what_is_in_use) {
  const auto segment = new_segment();
  Ring ring(segment);
  constexpr std::uint64_t kHuge = 6U << 20U;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(put(ring, content(kHuge, i)));
  EXPECT_EQ(get(ring), content(kHuge, 0));
  Lent held = get_in_place(ring);
  EXPECT_EQ(get(ring), content(kHuge, 2));
  rest(segment);
  EXPECT_EQ(get(ring), std::nullopt);
  EXPECT_EQ(memory_of(ring) / kHuge, 1U);
  EXPECT_EQ(text_in(held.bytes()), content(kHuge, 1));
  held = Lent();
  rest(segment);
  EXPECT_EQ(get(ring), std::nullopt);
  EXPECT_LT(memory_of(ring), 1U << 20U);
  EXPECT_TRUE(put(ring, content(kHuge, 5)));
  EXPECT_EQ(get(ring), content(kHuge, 5));
}

TEST(Lend, a_view_of_the_dead_goes_back_with_the_rest) {
  const auto segment = new_segment();
  Ring ring(segment);
  constexpr std::uint64_t kHuge = 6U << 20U;
  EXPECT_TRUE(put(ring, content(kHuge, 1)));
  in_child([&] {
    const Lent taken = get_in_place(ring);
    EXPECT_EQ(text_in(taken.bytes()), content(kHuge, 1));
    ::raise(SIGKILL);
  });
  rest(segment);
  EXPECT_EQ(get(ring), std::nullopt);
  EXPECT_LT(memory_of(ring), 1U << 20U);
}

TEST(Lend, more_items_than_extents_go_into_blocks) {
  Ring ring(new_segment());
  const int many = static_cast<int>(shm::kExtents) + 20;
  for (int i = 0; i < many; ++i) ASSERT_TRUE(put(ring, content(kFarFrom, i)));
  Lent lent;
  EXPECT_FALSE(ring.lend(4096, os::Deadline::now(), lent));
  for (int i = 0; i < many; ++i) ASSERT_EQ(get(ring), content(kFarFrom, i));
  EXPECT_TRUE(ring.lend(4096, os::Deadline::now(), lent));
}

// A file of so many bytes is all that there is.
TEST(Lend, what_is_free_makes_room_for_another_size) {
  const auto segment = new_segment({.max_bytes = 1U << 30U});
  Ring ring(segment);
  in_child([&] {
    rlimit limit{};
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 64U << 20U;
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (const std::size_t size : {20U << 20U, 45U << 20U, 30U << 20U, 50U << 20U}) {
      EXPECT_TRUE(put(ring, content(size, 1)));
      Lent taken = get_in_place(ring);
      EXPECT_EQ(taken.bytes().size(), size);
    }
    const Lent held = [&] {
      EXPECT_TRUE(put(ring, content(50U << 20U, 1)));
      return get_in_place(ring);
    }();
    EXPECT_THROW(put(ring, content(40U << 20U, 1)), OutOfMemory);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(put(ring, content(100'000, i)));
  });
}

TEST(Lend, counts_for_max_bytes_and_max_items) {
  Ring ring(new_segment({.max_items = 3, .max_bytes = 2 * kLarge}));
  EXPECT_TRUE(put(ring, content(kLarge, 1)));
  EXPECT_TRUE(put(ring, content(kLarge, 2)));
  EXPECT_FALSE(put(ring, content(kLarge, 3)));
  EXPECT_THROW(put(ring, content(3 * kLarge, 3)), std::invalid_argument);
  EXPECT_EQ(get(ring), content(kLarge, 1));
  EXPECT_TRUE(put(ring, content(kLarge, 3)));
  EXPECT_EQ(get(ring), content(kLarge, 2));
  EXPECT_TRUE(put(ring, "a"));
  EXPECT_TRUE(put(ring, "b"));
  EXPECT_FALSE(put(ring, content(kFarFrom, 4))) << "three items";
}

TEST(Lend, goes_through_batches_one_by_one) {
  Ring ring(new_segment());
  const std::string small = "small";
  const std::string large = content(kLarge, 1);
  const std::array<std::span<const std::byte>, 2> parts{std::as_bytes(std::span(small)),
                                                        std::as_bytes(std::span(large))};
  std::vector<Item> items;
  for (const int which : {0, 1, 1, 0, 0, 1, 0}) {
    items.push_back({.payload = {&parts.at(static_cast<std::size_t>(which)), 1}});
  }
  std::size_t done = 0;
  EXPECT_TRUE(ring.put_many(items, os::Deadline::now(), done));
  EXPECT_EQ(done, items.size());
  std::vector<std::byte> room(1 << 20);
  std::vector<Slice> slices;
  const auto some = [&] { return ring.get_many(room, 10, slices, os::Deadline::now()); };
  EXPECT_EQ(some(), Get::kDone);
  EXPECT_EQ(slices.size(), 1U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(some(), Get::kAlone);
    EXPECT_EQ(get(ring), large);
  }
  EXPECT_EQ(some(), Get::kDone);
  EXPECT_EQ(slices.size(), 2U);
  EXPECT_EQ(some(), Get::kAlone);
  EXPECT_EQ(get(ring), large);
  EXPECT_EQ(get(ring), small);
}

TEST(Lend, is_dropped_at_shutdown) {
  const auto segment = new_segment();
  Ring ring(segment);
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(put(ring, content(kLarge, i)));
  const Lent held = get_in_place(ring);
  rest(segment);
  ring.shut(true);
  EXPECT_EQ(ring.items(), 0U);
  EXPECT_EQ(text_in(held.bytes()), content(kLarge, 0));
  Lent lent;
  EXPECT_THROW(ring.lend(8, os::Deadline::now(), lent), ShutDown);
  EXPECT_THROW(put(ring, content(kLarge, 1)), ShutDown);
}

TEST(Lend, says_how_much_room_an_item_needs_and_keeps_it) {
  Ring ring(new_segment());
  const std::string large = content(kLarge, 1);
  put(ring, large);
  std::array<std::byte, 64> small{};
  Record record;
  EXPECT_EQ(ring.try_get(small, record, {}), Get::kTooSmall);
  EXPECT_EQ(record.bytes, kLarge);
  EXPECT_EQ(std::memcmp(record.start.data(), large.data(), record.start.size()), 0);
  EXPECT_EQ(get(ring), large);
}

TEST(Lend, tells_of_an_extent_that_is_not_the_items) {
  const auto segment = new_segment();
  Ring ring(segment);
  put(ring, content(kLarge, 1));
  auto* table = reinterpret_cast<shm::Extent*>(
      segment->at(Ring::segment_size(), sizeof(shm::Extent) * shm::kExtents));
  const auto damaged = [&] {
    Record record;
    std::vector<std::byte> room(1 << 20);
    EXPECT_THROW(ring.try_get(room, record, {}), Damaged);
  };
  const auto spoil = [&](shm::Word& word, std::uint64_t value) {
    const auto before = word.exchange(value);
    damaged();
    word = before;
  };
  spoil(table[0].item, 0);
  spoil(table[0].item, 7);
  spoil(table[0].size, 4096);
  spoil(table[0].size, ~std::uint64_t{0});
  spoil(table[0].offset, 1);
  spoil(table[0].offset, 0);
  spoil(segment->content<shm::RingWords>().extents, 0);
  spoil(segment->content<shm::RingWords>().extents, 5000);
  EXPECT_EQ(get(ring), content(kLarge, 1));
}

}  // namespace
}  // namespace shoal::ring
