// Processes of tests: starting them, and seeing them end.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <shoal/process.hpp>
#include <utility>

#include "support/waiting.hpp"

namespace support {

template <class... Args>
[[nodiscard]] shoal::Process started(Args&&... args) {
  shoal::Process process(std::forward<Args>(args)...);
  process.start();
  return process;
}

inline void ends_with(shoal::Process& process, int exitcode) {
  EXPECT_TRUE(process.join_for(kDeadline));
  EXPECT_EQ(process.exitcode(), exitcode);
}

inline void die_by_kill(shoal::Process& process) {
  process.kill();
  ends_with(process, -SIGKILL);
}

}  // namespace support
