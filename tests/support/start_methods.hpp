// Tests that run under each start method.
#pragma once

#include <gtest/gtest.h>

#include <shoal/start_method.hpp>
#include <string>

namespace support {

/// The method under test is get_start_method().
class EachStartMethod : public testing::TestWithParam<shoal::StartMethod> {
 protected:
  void SetUp() override { shoal::set_start_method(GetParam()); }
  void TearDown() override { shoal::set_start_method(shoal::StartMethod::fork); }
};

inline const auto kStartMethods = testing::Values(
    shoal::StartMethod::fork, shoal::StartMethod::spawn, shoal::StartMethod::forkserver);

inline std::string start_method_name(const testing::TestParamInfo<shoal::StartMethod>& info) {
  constexpr const char* kNames[] = {"fork", "spawn", "forkserver"};
  return kNames[static_cast<int>(info.param)];
}

}  // namespace support
