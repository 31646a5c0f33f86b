// Strings and bytes, which are not copied on their way.
#include <gtest/gtest.h>

#include <shoal/error.hpp>
#include <shoal/object.hpp>
#include <shoal/queue.hpp>
#include <string>

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
}

}  // namespace
