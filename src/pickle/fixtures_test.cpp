// Pickles written by Python itself (tests/contract/pickles), in every protocol.
#include <shoal/error.hpp>
#include <shoal/pickle.hpp>

#include <gtest/gtest.h>

#include "pickle/fixtures.hpp"

namespace shoal::pickle {
namespace {

Object again(const Object& object) {
  ByteBuffer out;
  Encoder encoder(out);
  encoder.object(object);
  encoder.finish();
  return load(out);
}

TEST(PickleFixtures, print_as_python_prints_them) {
  int read = 0;
  for (const Fixture& fixture : read_fixtures()) {
    if (fixture.kind != Fixture::Kind::value) continue;
    SCOPED_TRACE(fixture.name);
    EXPECT_EQ(repr(load(fixture.pickle)), fixture.repr);
    ++read;
  }
  EXPECT_GE(read, 150);
}

TEST(PickleFixtures, are_the_same_after_being_written_and_read_again) {
  for (const Fixture& fixture : read_fixtures()) {
    if (fixture.kind == Fixture::Kind::recursive) continue;
    SCOPED_TRACE(fixture.name);
    const Object object = load(fixture.pickle);
    EXPECT_EQ(again(object), object) << repr(object, 200);
  }
}

TEST(PickleFixtures, that_hold_themselves_are_refused) {
  for (const Fixture& fixture : read_fixtures()) {
    if (fixture.kind != Fixture::Kind::recursive) continue;
    SCOPED_TRACE(fixture.name);
    try {
      (void)load(fixture.pickle);
      ADD_FAILURE() << "was read";
    } catch (const PickleError& error) {
      EXPECT_NE(std::string(error.what()).find("recursive value"), std::string::npos);
    }
  }
}

TEST(PickleFixtures, of_objects_become_recipes) {
  for (const Fixture& fixture : read_fixtures()) {
    if (fixture.kind != Fixture::Kind::object) continue;
    SCOPED_TRACE(fixture.name);
    const Kind kind = load(fixture.pickle).kind();
    EXPECT_TRUE(kind == Kind::reduce || kind == Kind::global) << type_name(kind);
  }
}

}  // namespace
}  // namespace shoal::pickle
