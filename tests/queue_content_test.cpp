// Strings and bytes, which are not copied on their way.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <shoal/error.hpp>
#include <shoal/object.hpp>
#include <shoal/queue.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "channel/queue_core.hpp"
#include "support/process_facts.hpp"

namespace {

using shoal::Queue;

TEST(QueueContentTest, reuses_the_memory_of_the_item_that_it_is_given) {
  Queue<std::string> queue;
  std::string item;
  for (const std::size_t size : {0U, 10U, 255U, 256U, 5000U, 100'000U, 3U, 4000U, 4096U, 5000U}) {
    const std::string sent(size, static_cast<char>('a' + size % 26));
    queue.put(sent);
    queue.get_into(item);
    ASSERT_EQ(item, sent);
  }
  EXPECT_FALSE(queue.try_get_into(item));
  EXPECT_THROW(queue.put("\xff"), shoal::PickleError);
  EXPECT_THROW(queue.put(std::string(10'000, '\xff')), shoal::PickleError);
}

TEST(QueueContentTest, gives_an_item_of_another_kind_as_its_codec_does) {
  Queue<shoal::Object> objects;
  Queue<shoal::Bytes> bytes(objects.core());
  Queue<std::string> strings(objects.core());
  strings.put(std::string(100'000, 'x'));
  EXPECT_THROW(static_cast<void>(bytes.get()), shoal::PickleError);
  bytes.put(shoal::Bytes(100'000));
  EXPECT_EQ(objects.get(), shoal::Object(shoal::Bytes(100'000)));

  for (const shoal::Object& other : {shoal::Object("text"), shoal::Object(7), shoal::Object()}) {
    objects.put(other);
    EXPECT_THROW(static_cast<void>(bytes.get()), shoal::PickleError);
  }
  EXPECT_TRUE(objects.empty()) << "they were taken";
}

// Whatever they are wrapped in, and on whichever way they are read.
TEST(QueueContentTest, is_whole_at_any_size) {
  Queue<std::string> strings;
  Queue<shoal::Bytes> bytes;
  std::string text;
  for (std::size_t size = 0; size < 1100; ++size) {
    const std::string sent(size, static_cast<char>('a' + size % 26));
    strings.put(sent);
    EXPECT_EQ(strings.get(), sent);
    strings.put(sent);
    ASSERT_TRUE(strings.try_get_into(text));
    ASSERT_EQ(text, sent);
    const shoal::Bytes raw(size, static_cast<std::byte>(size));
    bytes.put(raw);
    ASSERT_EQ(bytes.get(), raw);
  }
}

TEST(QueueContentTest, may_be_a_protocol_of_another_writer) {
  Queue<std::string> strings;
  const auto put = [&](std::string_view pickle) {
    const auto part = std::as_bytes(std::span(pickle));
    strings.core()->ring().put({&part, 1}, shoal::ring::Encoding::kPickle,
                               shoal::os::Deadline::never());
  };
  using namespace std::string_view_literals;
  put("\x80\x04\x95\x06\0\0\0\0\0\0\0\x8c\x02hi\x94."sv);
  EXPECT_EQ(strings.get(), "hi");
  put("Vhi\np0\n."sv);
  EXPECT_EQ(strings.get(), "hi");
  put("\x80\x05\x8c\x03hi."sv);  // says that it is longer than it is
  EXPECT_THROW(static_cast<void>(strings.get()), shoal::PickleError);
  put("\x80\x05\x8c\x02\xff\xff."sv);  // no UTF-8
  EXPECT_THROW(static_cast<void>(strings.get()), shoal::PickleError);
  put(""sv);
  EXPECT_THROW(static_cast<void>(strings.get()), shoal::PickleError);
}

TEST(QueueContentTest, is_read_into_items_that_are_there) {
  Queue<std::string> queue;
  std::vector<std::string> items(3, std::string(100, '-'));
  const char* const memory = items[0].data();
  queue.put_many(std::vector<std::string>{"one", "two", "three", "four"});
  EXPECT_EQ(queue.get_many_into(items), 3U);
  EXPECT_EQ(items, (std::vector<std::string>{"one", "two", "three"}));
  EXPECT_EQ(items[0].data(), memory);
  EXPECT_EQ(queue.get_many_into(items), 1U);
  EXPECT_EQ(items, (std::vector<std::string>{"four", "two", "three"}));
  EXPECT_EQ(queue.try_get_many_into(items), 0U);
  queue.put(std::string(200'000, 'x'));
  queue.put("behind it");
  EXPECT_EQ(queue.get_many_into(items), 2U);
  EXPECT_EQ(items[0].size(), 200'000U);
  EXPECT_EQ(items[1], "behind it");
}

TEST(QueueContentTest, of_another_kind_loses_the_batch_and_no_more) {
  Queue<shoal::Object> objects;
  Queue<std::string> strings(objects.core());
  strings.put("one");
  objects.put(shoal::Object(2));
  strings.put("three");
  std::vector<std::string> items(8);
  EXPECT_THROW(strings.get_many_into(items), shoal::PickleError);
  EXPECT_TRUE(objects.empty());
  strings.put("four");
  EXPECT_EQ(strings.get_many_into(items), 1U);
  EXPECT_EQ(items[0], "four");
}

// Python may send what only it can read, with handles in it.
TEST(QueueContentTest, with_descriptors_is_none_and_keeps_none) {
  Queue<shoal::Object> objects;
  Queue<std::string> strings(objects.core());
  const shoal::os::Fd fd(::dup(0));
  const std::array fds{fd.get()};
  shoal::ring::Parcel parcel{fds};
  const std::string_view pickle("\x80\x05\x8c\x02hi.");
  const std::array parts{std::as_bytes(std::span(&parcel.number, 1)),
                         std::as_bytes(std::span(pickle))};
  const auto open = support::open_descriptors();
  for (int i = 0; i < 3; ++i) {
    objects.core()->ring().put(parts, shoal::ring::Encoding::kParcel, shoal::os::Deadline::never(),
                               &parcel);
    EXPECT_EQ(strings.get(), "hi");
  }
  EXPECT_EQ(support::open_descriptors(), open);
}

}  // namespace
