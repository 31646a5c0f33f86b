#include "os/memory.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <shoal/error.hpp>
#include <string>

namespace shoal::os {
namespace {

std::int64_t bytes_taken(const Fd& file) {
  struct ::stat info{};
  ::fstat(file.get(), &info);
  return info.st_blocks * 512;
}

// On older kernels a signal undoes all that one call has taken so far.
TEST(Memory, is_taken_under_a_rain_of_signals) {
  constexpr std::uint64_t kSize = 64U << 20U;
  struct sigaction before{};
  struct sigaction ignored{};
  ignored.sa_handler = [](int) {};  // no SA_RESTART: calls are interrupted
  ::sigaction(SIGALRM, &ignored, &before);
  const itimerval rain{{0, 500}, {0, 500}};
  const itimerval none{};
  ::setitimer(ITIMER_REAL, &rain, nullptr);
  const Fd file = create_memory_file("test");
  take_memory(file, 0, kSize, "test");
  ::setitimer(ITIMER_REAL, &none, nullptr);
  ::sigaction(SIGALRM, &before, nullptr);
  EXPECT_EQ(size_of(file), kSize);
  EXPECT_EQ(bytes_taken(file), kSize);
}

TEST(Memory, may_be_taken_twice_and_in_part) {
  const Fd file = create_memory_file("test");
  take_memory(file, 0, 4096, "test");
  take_memory(file, 4096, (1U << 20U) + 4096, "test");
  take_memory(file, 4096, 4096, "test");
  EXPECT_EQ(size_of(file), (1U << 20U) + 8192);
  EXPECT_EQ(bytes_taken(file), (1U << 20U) + 8192);
}

// A folder of named shared memory of this process's own, with room for a mebibyte.
bool have_small_shared_folder() {
  const uid_t user = ::getuid();
  if (::unshare(CLONE_NEWNS) != 0) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  }
  return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("none", shared_folder(), "tmpfs", 0, "size=1m") == 0;
}

TEST(Memory, that_cannot_be_had_as_a_whole_leaves_the_file_as_it_was) {
  constexpr int kCannotTry = 77;
  const auto body = [] {
    if (!have_small_shared_folder()) return kCannotTry;
    const Fd file = create_unnamed_file();
    take_memory(file, 0, 4096, "test");
    EXPECT_THROW(take_memory(file, 4096, 8U << 20U, "test"), OutOfMemory);
    EXPECT_EQ(size_of(file), 4096U);
    EXPECT_EQ(bytes_taken(file), 4096);
    take_memory(file, 4096, 900U << 10U, "test");
    return testing::Test::HasFailure() ? 1 : 0;
  };
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      ::_exit(body());
    } catch (...) {
      ::_exit(2);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WEXITSTATUS(status) == kCannotTry) GTEST_SKIP() << "no file system may be mounted here";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace shoal::os
