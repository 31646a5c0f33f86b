// Where a program notices that it is a child, and where it must not.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "process/entry.hpp"
#include "support/board.hpp"

namespace {

using support::Board;

constexpr uid_t kNobody = 65534;

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHOAL_TEST_ADDRESS_SANITIZER 1
#endif
#endif

/// How a copy of this program ends that is told to be a child, and to list its tests.
int run_as_child(const std::string& program) {
  const std::string marker = std::string(shoal::process::kChildMarker) + "77";
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(STDOUT_FILENO);
    ::execl(program.c_str(), program.c_str(), marker.c_str(), "--gtest_list_tests", nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Init, takes_nobody_for_a_child_in_a_program_with_raised_rights) {
#ifdef SHOAL_TEST_ADDRESS_SANITIZER
  GTEST_SKIP() << "the leak sanitizer fails at the end of every set-uid program";
#endif
  struct ::statvfs place{};
  if (::geteuid() != 0) GTEST_SKIP() << "only root can make a set-uid program of somebody else";
  if (::statvfs("/tmp", &place) != 0 || (place.f_flag & ST_NOSUID) != 0) {
    GTEST_SKIP() << "set-uid has no effect in /tmp";
  }
  const Board board = Board::make();
  const std::string program = board.path("program");
  std::filesystem::copy_file("/proc/self/exe", program);
  EXPECT_EQ(run_as_child(program), 1) << "an argument of a child without its descriptor";
  ASSERT_EQ(::chown(program.c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(::chmod(program.c_str(), 04755), 0);
  EXPECT_EQ(run_as_child(program), 0) << "an argument like any other";
}

}  // namespace
