#include "pickle/bundle.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <shoal/pickle.hpp>
#include <string_view>

namespace shoal::pickle {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<std::byte> joined(const BundleParts& bundle) {
  std::vector<std::byte> all;
  for (const auto& part : bundle.parts()) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(Bundle, is_read_as_it_was_written) {
  const std::vector<std::span<const std::byte>> buffers{bytes_of("first"), bytes_of(""),
                                                        bytes_of("the third")};
  const auto all = joined(BundleParts(buffers, bytes_of("a pickle")));
  const auto read = Bundle::in(all);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->buffers().size(), 3U);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(read->buffers()[i], buffers[i]));
    EXPECT_EQ((read->buffers()[i].data() - all.data()) % kBufferAlignment, 0U);
  }
  EXPECT_TRUE(std::ranges::equal(read->pickle(), bytes_of("a pickle")));
  EXPECT_FALSE(read->lone());
}

TEST(Bundle, of_a_bytes_object_alone_is_a_pickle_of_it) {
  const auto content = bytes_of("content");
  const auto all = joined(BundleParts({&content, 1}, kLonePickle));
  const auto read = Bundle::in(all);
  ASSERT_TRUE(read && read->lone());
  EXPECT_TRUE(std::ranges::equal(*read->lone(), content));
  const Bytes expected(content.begin(), content.end());
  EXPECT_EQ(load(read->pickle(), read->buffers()), Object(expected));
}

TEST(Bundle, is_written_around_what_stands_there) {
  std::vector<std::byte> room(8192, std::byte{7});
  const std::array<BundlePlace, 2> places{{{4096, 100}, {4200, 8}}};
  const BundlePlace whole{4096, 200};
  const std::uint64_t size = write_around(room, whole, places, bytes_of("a pickle"));
  ASSERT_EQ(size, 4296U + 8) << "behind the whole content";
  const auto read = Bundle::in(std::span(room).first(size));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->buffers()[0].data(), room.data() + 4096);
  EXPECT_EQ(read->buffers()[1].size(), 8U);
  EXPECT_TRUE(std::ranges::equal(read->pickle(), bytes_of("a pickle")));
  for (std::size_t i = 4096; i < 4296; ++i) ASSERT_EQ(room[i], std::byte{7}) << i;

  EXPECT_EQ(write_around(std::span(room).first(4300), whole, places, bytes_of("a pickle")), 0U);
  const std::array<BundlePlace, 1> outside{{{16, 8}}};
  EXPECT_EQ(write_around(room, whole, outside, {}), 0U);
  const std::array<BundlePlace, 2> many{{{64, 8}, {72, 8}}};
  EXPECT_EQ(write_around(room, {32, 100}, many, {}), 0U) << "no room for their places";
}

TEST(Bundle, refuses_what_is_none) {
  const auto content = bytes_of("content");
  const auto all = joined(BundleParts({&content, 1}, kLonePickle));
  for (std::size_t size = 0; size < sizeof(BundleHead); ++size) {
    EXPECT_FALSE(Bundle::in(std::span(all).first(size)));
  }
  for (std::size_t word = 0; word < 4; ++word) {
    for (const std::uint64_t value : {all.size() + 1, ~std::uint64_t{0}}) {
      auto wrong = all;
      std::memcpy(wrong.data() + word * sizeof value, &value, sizeof value);
      EXPECT_FALSE(Bundle::in(wrong)) << "word " << word;
    }
  }
}

}  // namespace
}  // namespace shoal::pickle
