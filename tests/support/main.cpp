// The main of the test programs: children of spawn and forkserver enter in its first line.
#include <gtest/gtest.h>

#include <shoal/init.hpp>

int main(int argc, char** argv) {
  shoal::init(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
