#include "os/fork_mutex.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace shoal::os {
namespace {

struct Tag {};

TEST(ForkMutex, is_free_in_the_children_of_a_threaded_process) {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) const std::lock_guard guard(fork_mutex<Tag>());
  });
  for (int i = 0; i < 100; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(10);
      {
        const std::lock_guard guard(fork_mutex<Tag>());
      }
      ::_exit(0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  stop = true;
  other.join();
}

}  // namespace
}  // namespace shoal::os
