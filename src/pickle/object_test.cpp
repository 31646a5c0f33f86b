#include <shoal/codec.hpp>
#include <shoal/object.hpp>

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

namespace shoal {
namespace {

Object again(const Object& object) { return loads<Object>(dumps(object)); }

TEST(Object, holds_what_it_is_made_of) {
  EXPECT_TRUE(Object().is_none());
  EXPECT_EQ(Object(true).get<bool>(), true);
  EXPECT_EQ(Object(7U).get<std::int64_t>(), 7);
  EXPECT_EQ(Object(1.5F).get<double>(), 1.5);
  EXPECT_EQ(Object("abc").get<std::string>(), "abc");
  EXPECT_EQ(Object("abc").get_if<bool>(), nullptr);
  EXPECT_EQ(Object(std::numeric_limits<std::uint64_t>::max()).kind(), Kind::big_integer);
  EXPECT_EQ(Object(BigInt::from_int64(5)), Object(5));
  EXPECT_THROW((void)Object(1).get<List>(), PickleError);
}

TEST(Object, is_equal_by_value_and_kind) {
  EXPECT_EQ(Object(List{{1, "a"}}), Object(List{{1, "a"}}));
  EXPECT_FALSE(Object(List{{1}}) == Object(Tuple{{1}}));
  EXPECT_FALSE(Object(1) == Object(1.0));
  EXPECT_FALSE(Object(1) == Object(true));
  EXPECT_EQ(Object(Dict{{{"a", 1}, {"b", 2}}}), Object(Dict{{{"b", 2}, {"a", 1}}}));
  EXPECT_FALSE(Object(Dict{{{"a", 1}}}) == Object(Dict{{{"a", 2}}}));
  EXPECT_EQ(Object(Set{{1, Tuple{{2}}}}), Object(Set{{Tuple{{2}}, 1}}));
  EXPECT_EQ(hash_value(FrozenSet{{1, 2}}), hash_value(FrozenSet{{2, 1}}));
}

TEST(Object, compares_different_deep_dicts_in_time_linear_in_their_depth) {
  Object a = 1, b = 2;
  for (int i = 0; i < 500; ++i) {
    a = Dict{{{"key", a}}};
    b = Dict{{{"key", b}}};
  }
  EXPECT_FALSE(a == b);
}

TEST(Object, finds_the_last_of_equal_keys) {
  const Dict dict{{{"a", 1}, {2, "two"}, {"a", 3}}};
  EXPECT_EQ(*dict.find("a"), Object(3));
  EXPECT_EQ(*dict.find(Object(2)), Object("two"));
  EXPECT_EQ(dict.find("b"), nullptr);
}

TEST(Object, prints_recipes_readably) {
  const Global counter{"collections", "Counter"};
  EXPECT_EQ(repr(counter), "<collections.Counter>");
  EXPECT_EQ(repr(Reduce{Reduce::Form::call, counter, Tuple{{1}}, {}, {}, {}, 5}),
            "<collections.Counter(1,) state 5>");
  EXPECT_EQ(repr(PersistentId{"x"}), "<persistent id 'x'>");
  EXPECT_EQ(repr(std::string(100, 'a'), 10), "'aaaaaaaaa...");
}

TEST(Object, keeps_shared_parts_shared_through_a_pickle) {
  const Object part = List{{1, 2}};
  const Object copy = again(List{{part, part}});
  const std::vector<Object>& items = copy.get<List>().items;
  EXPECT_EQ(items[0].get_if<List>(), items[1].get_if<List>());
}

TEST(Object, of_every_inert_kind_survives_a_pickle) {
  const Object global = Global{"a.b", "C.D"};
  using Form = Reduce::Form;
  for (const Object& object :
       {global, Object(Global{"", "", 70000}), Object(PersistentId{Tuple{{1, "x"}}}),
        Object(Reduce{Form::call, global, Tuple{{1}}, {}, {1, 2}, {{"k", 3}}, Dict{}}),
        Object(Reduce{Form::make, global, Tuple{}, {}, {}, {}, Object()}),
        Object(Reduce{Form::make_keyword, global, Tuple{{1}}, Dict{{{"k", 1}}}}),
        Object(Reduce{Form::instance, global, Tuple{{1, 2}}, {}})})
    EXPECT_EQ(again(object), object) << repr(object);
}

TEST(Object, nested_deeper_than_the_limit_is_not_written) {
  Object object;
  for (std::size_t i = 0; i < pickle::kMaxDepth; ++i) object = List{{object}};
  EXPECT_EQ(again(object), object);
  EXPECT_THROW((void)dumps(Object(List{{object}})), PickleError);
}

TEST(Pickle, reads_out_of_band_buffers_in_order) {
  const std::string text = "\x80\x05\x97\x97\x98\x86.";
  const Bytes first{std::byte{1}}, second{std::byte{2}};
  const std::array<std::span<const std::byte>, 2> buffers{first, second};
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(pickle::load(bytes, buffers), Object(Tuple{{ByteArray{first}, second}}));
  EXPECT_THROW((void)pickle::load(bytes), PickleError);
}

TEST(Pickle, ignores_bytes_after_its_end) {
  ByteBuffer bytes = dumps(List{{1}});
  bytes.append("rest");
  EXPECT_EQ(loads<Object>(bytes), Object(List{{1}}));
}

TEST(BigInt, converts_to_and_from_decimal) {
  for (const std::string text :
       {"0", "-1", "255", "-256", "9223372036854775808", "-9223372036854775809",
        "340282366920938463463374607431768211456", "1000000000000000000000000000"})
    EXPECT_EQ(BigInt::from_decimal(text)->to_string(), text);
  EXPECT_EQ(BigInt::from_decimal("12a"), std::nullopt);
  EXPECT_EQ(BigInt::from_decimal(""), std::nullopt);
}

TEST(BigInt, knows_what_it_fits) {
  EXPECT_EQ(BigInt::from_int64(-5).to_int64(), -5);
  EXPECT_EQ(BigInt::from_int64(-5).to_uint64(), std::nullopt);
  const BigInt large = BigInt::from_uint64(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(large.to_uint64(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(large.to_int64(), std::nullopt);
  EXPECT_EQ(large.to_double(), 0x1p64);
  EXPECT_EQ(BigInt::from_decimal("1" + std::string(400, '0'))->to_double(), std::nullopt);
}

}  // namespace
}  // namespace shoal
