// Input that no pickler writes.
#include <shoal/error.hpp>
#include <shoal/pickle.hpp>

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>

#include "pickle/fixtures.hpp"

namespace shoal::pickle {
namespace {

using namespace std::string_literals;

Object load_text(const std::string& text, const Limits& limits = {}) {
  return load(std::as_bytes(std::span(text)), limits);
}

std::string repeat(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += part;
  return text;
}

/// The message of the PickleError, or "" if the pickle was read.
std::string refusal(const std::string& text, const Limits& limits = {}) {
  try {
    (void)load_text(text, limits);
    return "";
  } catch (const PickleError& error) {
    EXPECT_LE(error.offset(), text.size());
    return error.what();
  }
}

void expect_refused(const std::string& text, const std::string& part, const Limits& limits = {}) {
  EXPECT_NE(refusal(text, limits).find(part), std::string::npos)
      << "expected '" << part << "', found '" << refusal(text, limits) << "'";
}

TEST(HostilePickle, that_ends_too_early_is_refused) {
  expect_refused("", "ends too early");
  expect_refused("\x80", "ends too early");
  expect_refused("]", "ends too early");
  expect_refused("I12", "has no end");
  expect_refused("\x80\x04\x95\x10\0\0\0\0\0\0\0N."s, "ends too early");
}

TEST(HostilePickle, that_claims_more_than_it_has_is_refused_without_allocating) {
  expect_refused(
      "\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
      "a."s,
      "ends too early");
  expect_refused(
      "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"
      "a."s,
      "ends too early");
  expect_refused("\x96\0\0\0\0\0\x01\0\0."s, "ends too early");
  expect_refused("B\xff\xff\xff\xff."s, "ends too early");
  expect_refused("\x8b\xff\xff\xff\x7f."s, "ends too early");
}

TEST(HostilePickle, that_takes_from_an_empty_stack_is_refused) {
  for (const std::string text : {".", "0", "2", "a", "R", "(a.", "N(R.", "\x85."})
    expect_refused(text, "stack is empty");
  for (const std::string text : {"e.", "t.", "Nu.", "\x90.", "1."}) expect_refused(text, "no mark");
}

TEST(HostilePickle, that_mixes_types_is_refused) {
  expect_refused("NNa.", "cannot append to None");
  expect_refused("N(NNu.", "cannot set an item of None");
  expect_refused("](NNu.", "cannot set an item of list []");
  expect_refused("}(Nu.", "a key has no value");
  expect_refused("]N\x81.", "expected a tuple of arguments");
  expect_refused("NNb.", "cannot give a state");
  expect_refused("NN\x93.", "must be a str");
}

TEST(HostilePickle, names_the_offset_of_the_opcode) {
  try {
    (void)load_text("\x80\x05NNN\xff.");
    FAIL();
  } catch (const PickleError& error) {
    EXPECT_EQ(error.offset(), 5U);
    EXPECT_STREQ(error.what(), "cannot read the pickle at byte 5: unknown opcode 255");
  }
}

TEST(HostilePickle, with_text_that_is_not_utf8_is_refused) {
  for (const std::string text : {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xf4\x90\x80\x80", "\xc3"})
    expect_refused("\x8c" + std::string(1, static_cast<char>(text.size())) + text + ".", "UTF-8");
}

TEST(HostilePickle, with_too_many_digits_is_refused) {
  expect_refused("I" + std::string(100'000, '9') + "\n.", "at most 4300 digits");
  expect_refused("L-\n.", "expected an integer");
}

TEST(HostilePickle, nested_too_deep_is_refused_whatever_nests) {
  constexpr std::size_t kLevels = 300'000;
  expect_refused(repeat("]", kLevels) + repeat("a", kLevels - 1) + ".", "nested deeper");
  expect_refused("N" + repeat("\x85", kLevels) + ".", "nested deeper");
  expect_refused("N" + repeat("Q", kLevels) + ".", "nested deeper");
  expect_refused("N" + repeat(")R", kLevels) + ".", "nested deeper");
  expect_refused(repeat("(", kLevels) + repeat("\x91", kLevels) + ".", "nested deeper");
  EXPECT_EQ(refusal(repeat("]", 1000) + repeat("a", 999) + "."), "");
  expect_refused(repeat("]", 1001) + repeat("a", 1000) + ".", "nested deeper");
}

TEST(HostilePickle, that_drops_something_deep_or_recursive_leaves_nothing_behind) {
  EXPECT_EQ(refusal("N" + repeat("\x85", 300'000) + "0N."), "");
  EXPECT_EQ(refusal("N" + repeat("\x85", 300'000) + "N."), "");
  EXPECT_EQ(refusal("]q\x01h\x01"
                    "a0N."),
            "");  // checked by the leak sanitizer
  EXPECT_NE(refusal("]q\x01h\x01"
                    "a0\xff"),
            "");
}

TEST(HostilePickle, that_holds_itself_is_refused) {
  expect_refused(
      "]q\x01h\x01"
      "a.",
      "recursive value");
  expect_refused("}q\x01Nh\x01s.", "recursive value");
  expect_refused(
      "cm\nC\n)\x81q\x01h\x01"
      "b.",
      "recursive value");
}

TEST(HostilePickle, whose_value_doubles_at_each_level_stays_shared) {
  std::string text = "]";
  for (int i = 0; i < 200; ++i) text += "2\x86";
  const Object object = load_text(text + ".");
  ByteBuffer out;
  Encoder encoder(out);
  encoder.object(object);
  encoder.finish();
  EXPECT_LT(out.size(), 5000U);
  EXPECT_LE(repr(object, 100).size(), 110U);
  EXPECT_EQ(hash_value(object), hash_value(load(out)));
}

TEST(HostilePickle, that_copies_a_shared_string_again_and_again_meets_the_memory_limit) {
  const std::string encode = "c_codecs\nencode\n("s, latin1 = "X\6\0\0\0latin1tR"s;
  const std::string call = encode + "X\0\0\1\0"s + std::string(65536, 'a') + "q\1" + latin1;
  EXPECT_EQ(refusal(call + "."), "");
  expect_refused(call + repeat(encode + "h\1" + latin1, 1000) + ".", "limit of 1000000 bytes",
                 Limits{.memory = 1'000'000});
}

TEST(HostilePickle, that_is_a_valid_one_damaged_is_read_or_refused) {
  constexpr unsigned kSeed = 20240607;
  RecordProperty("seed", static_cast<int>(kSeed));
  std::mt19937 random(kSeed);
  const std::vector<Fixture> fixtures = read_fixtures();
  const auto below = [&](std::size_t count) { return random() % count; };
  int read = 0;
  for (int round = 0; round < 20'000; ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    Bytes bytes = fixtures[below(fixtures.size())].pickle;
    if (below(4) == 0) bytes.resize(below(bytes.size()));
    for (std::size_t i = below(4) + 1; i > 0 && !bytes.empty(); --i)
      bytes[below(bytes.size())] = static_cast<std::byte>(below(256));
    try {
      const Object object = load(bytes, Limits{.memory = 1 << 24});
      EXPECT_LT(repr(object, 1000).size(), 1100U);
      ++read;
    } catch (const PickleError&) {
    }
  }
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace shoal::pickle
