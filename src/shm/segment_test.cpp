#include "shm/segment.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <shoal/error.hpp>
#include <string>
#include <thread>
#include <vector>

namespace shoal::shm {
namespace {

constexpr std::size_t kSize = 8192;

std::shared_ptr<Segment> make(Kind kind = Kind::kQueue, const std::string& label = "") {
  return Segment::create(kind, label, kSize,
                         [](std::byte* base) { base[kHeaderRoom] = std::byte{7}; });
}
// Where it was enlarged.
std::uint64_t grow(Segment& segment, std::uint64_t bytes) {
  const std::uint64_t begin = segment.size();
  segment.grow(begin, bytes);
  return begin;
}
os::Fd copy_of(const Segment& segment) { return os::duplicate(segment.fd(), "segment"); }

std::string unique_name() {
  static int count = 0;
  return "test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

// What a child that runs `body` ends with.
template <class Body>
int in_child(Body body) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body());
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(Segment, begins_with_a_header_and_what_its_maker_wrote) {
  const auto segment = make();
  const auto& header = *reinterpret_cast<SegmentHeader*>(segment->at(0, sizeof(SegmentHeader)));
  EXPECT_EQ(header.magic, kMagic);
  EXPECT_EQ(header.version, kLayoutVersion);
  EXPECT_EQ(header.kind, Kind::kQueue);
  EXPECT_EQ(header.creator, os::self());
  EXPECT_EQ(*segment->at(kHeaderRoom, 1), std::byte{7});
  EXPECT_EQ(*segment->at(kHeaderRoom + 1, 1), std::byte{0});
  EXPECT_EQ(segment->size(), kSize);
  EXPECT_EQ(segment->name(), "");
}

TEST(Segment, gives_back_memory_and_takes_it_again) {
  const auto segment = make();
  const auto blocks = [&] {
    struct stat facts{};
    EXPECT_EQ(::fstat(segment->fd(), &facts), 0);
    return static_cast<std::uint64_t>(facts.st_blocks) * 512;
  };
  *segment->at(grow(*segment, 1U << 20U), 1) = std::byte{1};
  EXPECT_EQ(blocks(), kSize + (1U << 20U));
  segment->give_back(kSize, 1U << 20U);
  EXPECT_EQ(segment->size(), kSize + (1U << 20U)) << "it never becomes less";
  EXPECT_EQ(blocks(), kSize);
  EXPECT_EQ(*segment->at(kHeaderRoom, 1), std::byte{7});
  EXPECT_EQ(*segment->at(kSize, 1), std::byte{0}) << "can be read";
  segment->grow(kSize, 1U << 20U);
  segment->grow(kSize, 4096);
  EXPECT_EQ(segment->size(), kSize + (1U << 20U));
  EXPECT_EQ(blocks(), kSize + (1U << 20U));
}

TEST(Segment, may_have_stretches_without_memory) {
  const auto segment = make();
  const std::uint64_t begin = kSize + (1U << 20U);
  segment->grow(begin, 4096);
  EXPECT_EQ(segment->size(), begin + 4096);
  EXPECT_EQ(segment->file_size(), begin + 4096);
  *segment->at(begin, 1) = std::byte{1};
  struct stat facts{};
  ASSERT_EQ(::fstat(segment->fd(), &facts), 0);
  EXPECT_EQ(static_cast<std::uint64_t>(facts.st_blocks) * 512, kSize + 4096);
  segment->grow(kSize, 1U << 20U);
  EXPECT_EQ(segment->size(), begin + 4096);
  EXPECT_EQ(*segment->at(begin, 1), std::byte{1});
  EXPECT_THROW(segment->grow(begin + 1, 4096), Damaged) << "not whole pages";
}

TEST(Segment, is_closed_on_exec_private_and_cannot_shrink) {
  const auto segment = make();
  EXPECT_NE(::fcntl(segment->fd(), F_GETFD) & FD_CLOEXEC, 0);
  struct ::stat info{};
  ASSERT_EQ(::fstat(segment->fd(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_NE(::ftruncate(segment->fd(), 0), 0);
}

TEST(Segment, is_mapped_once_however_often_it_arrives) {
  const auto segment = make();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Segment::attach(Kind::kQueue, copy_of(*segment), kSize), segment);
  }
}

TEST(Segment, keeps_its_descriptor_when_that_one_arrives_again) {
  auto segment = make();
  const int fd = segment->fd();
  EXPECT_EQ(Segment::attach(Kind::kQueue, os::Fd(fd), kSize), segment);
  EXPECT_GE(::fcntl(fd, F_GETFD), 0) << "still open";
  segment.reset();
  EXPECT_LT(::fcntl(fd, F_GETFD), 0) << "closed with the last handle";
}

TEST(Segment, of_another_kind_is_refused) {
  const auto segment = make(Kind::kLock);
  EXPECT_THROW(Segment::attach(Kind::kQueue, copy_of(*segment), kSize), WrongKind);
}

TEST(Segment, that_is_too_small_is_refused) {
  const auto segment = make();
  EXPECT_THROW(Segment::attach(Kind::kQueue, copy_of(*segment), kSize + 1), Damaged);
  os::Fd empty(::memfd_create("test", MFD_CLOEXEC));
  EXPECT_THROW(Segment::attach(Kind::kQueue, std::move(empty), kSize), Damaged);
}

TEST(Segment, refuses_positions_outside_of_it) {
  const auto segment = make();
  EXPECT_NO_THROW(static_cast<void>(segment->at(kSize - 1, 1)));
  EXPECT_NO_THROW(static_cast<void>(segment->at(kSize, 0)));
  EXPECT_THROW(static_cast<void>(segment->at(kSize, 1)), Damaged);
  EXPECT_THROW(static_cast<void>(segment->at(kSize - 1, 2)), Damaged);
  EXPECT_THROW(static_cast<void>(segment->at(~std::uint64_t{0}, 1)), Damaged);
  EXPECT_THROW(static_cast<void>(segment->at(1, ~std::uint64_t{0})), Damaged);
}

TEST(Segment, grows_and_keeps_what_was_there) {
  const auto segment = make();
  std::byte* const first = segment->at(kHeaderRoom, 1);
  std::uint64_t end = kSize;
  for (const std::uint64_t bytes : {4096ULL, 1ULL << 20U, 64ULL << 20U}) {
    EXPECT_EQ(grow(*segment, bytes), end);
    end += bytes;
    EXPECT_EQ(segment->size(), end);
    *segment->at(end - 1, 1) = std::byte{9};
  }
  EXPECT_EQ(*segment->at(kHeaderRoom, 1), std::byte{7});
  *first = std::byte{8};  // another thread may still hold a pointer from before
  EXPECT_EQ(*segment->at(kHeaderRoom, 1), std::byte{8});
  EXPECT_THROW(static_cast<void>(segment->at(end, 1)), Damaged);
}

TEST(Segment, is_seen_to_grow_by_another_process) {
  const auto segment = make();
  EXPECT_EQ(in_child([&] {
              *segment->at(grow(*segment, 1U << 20U) + 5, 1) = std::byte{42};
              return 0;
            }),
            0);
  EXPECT_EQ(segment->size(), kSize + (1U << 20U));
  EXPECT_EQ(*segment->at(kSize + 5, 1), std::byte{42});
}

TEST(Segment, may_grow_under_threads_that_read_it) {
  const auto segment = make();
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) EXPECT_NO_THROW(static_cast<void>(segment->at(segment->size() - 1, 1)));
    });
  }
  for (int i = 0; i < 200; ++i) grow(*segment, 1U << 20U);
  stop = true;
  for (auto& reader : readers) reader.join();
}

TEST(Segment, may_be_opened_while_another_process_makes_it_grow) {
  const auto segment = make();
  const pid_t grower = ::fork();
  if (grower == 0) {
    for (int i = 0; i < 2000; ++i) grow(*segment, 4096);
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(grower, &status, WNOHANG) == 0) {
    EXPECT_NO_THROW(Segment::attach(Kind::kQueue, copy_of(*segment), kSize));
  }
  EXPECT_EQ(status, 0);
}

TEST(Segment, that_has_no_room_to_grow_is_unchanged) {
  const auto segment = make();
  EXPECT_EQ(in_child([&] {
              const rlimit limit{1U << 20U, 1U << 20U};
              ::setrlimit(RLIMIT_FSIZE, &limit);
              try {
                grow(*segment, 2U << 20U);
              } catch (const OutOfMemory& error) {
                EXPECT_EQ(std::string(error.what()),
                          segment->label() + " has " + std::to_string(kSize) +
                              " bytes of shared memory and no room for 2097152 more: the limit on "
                              "file size (RLIMIT_FSIZE) is 1048576");
                EXPECT_EQ(segment->size(), kSize);
                return testing::Test::HasFailure() ? 1 : 0;
              }
              return 2;
            }),
            0);
}

TEST(Segment, that_finds_no_address_space_names_the_limit) {
  const auto segment = make();
  EXPECT_EQ(in_child([&] {
              rlimit limit{};
              long pages = 0;
              std::ifstream("/proc/self/statm") >> pages;
              limit.rlim_cur = static_cast<rlim_t>(pages) * os::page_size() + (64U << 20U);
              limit.rlim_max = limit.rlim_cur;
              ::setrlimit(RLIMIT_AS, &limit);
              try {
                grow(*segment, 128U << 20U);
              } catch (const OutOfMemory& error) {
                const std::string said = error.what();
                EXPECT_EQ(said.find("no room in this process's address space for "), 0U) << said;
                EXPECT_NE(said.find(segment->label()), std::string::npos) << said;
                EXPECT_NE(said.find("(RLIMIT_AS) is " + std::to_string(limit.rlim_cur)),
                          std::string::npos)
                    << said;
                return testing::Test::HasFailure() ? 1 : 0;
              }
              return 2;
            }),
            0);
}

// Each growth maps what is not mapped yet; were it the whole each time, this would take 465 MiB.
TEST(Segment, grows_within_a_limit_on_address_space) {
  const auto segment = make();
  EXPECT_EQ(in_child([&] {
              rlimit limit{};
              long pages = 0;
              std::ifstream("/proc/self/statm") >> pages;
              limit.rlim_cur = static_cast<rlim_t>(pages) * os::page_size() + (128U << 20U);
              limit.rlim_max = limit.rlim_cur;
              ::setrlimit(RLIMIT_AS, &limit);
              try {
                for (int i = 0; i < 30; ++i) grow(*segment, 1U << 20U);
              } catch (const OutOfMemory&) {
                return 1;
              }
              *segment->at(segment->size() - 1, 1) = std::byte{1};
              return 0;
            }),
            0);
}

TEST(Segment, may_be_made_by_two_at_once_but_only_one_gets_the_name) {
  const std::string name = unique_name();
  const auto first = Segment::create_named(Kind::kQueue, name, kSize, [](std::byte*) {});
  EXPECT_EQ(first->name(), name);
  EXPECT_EQ(first->label(), "queue '" + name + "'");
  EXPECT_THROW(Segment::create_named(Kind::kLock, name, kSize, [](std::byte*) {}), NameTaken);
  EXPECT_EQ(Segment::open_named(Kind::kQueue, name, kSize), first);
  Segment::unlink(Kind::kQueue, name);
  EXPECT_THROW(Segment::open_named(Kind::kQueue, name, kSize), NameMissing);
}

TEST(Segment, is_another_than_the_copy_of_its_file) {
  const std::string name = unique_name();
  const std::string other = unique_name();
  const auto first = Segment::create_named(Kind::kQueue, name, kSize, [](std::byte*) {});
  std::filesystem::copy_file(path_of(name), path_of(other));
  const auto second = Segment::open_named(Kind::kQueue, other, kSize);
  EXPECT_NE(second, first);
  EXPECT_EQ(Segment::open_named(Kind::kQueue, other, kSize), second);
  EXPECT_EQ(Segment::open_named(Kind::kQueue, name, kSize), first);
  Segment::unlink(Kind::kQueue, name);
  Segment::unlink(Kind::kQueue, other);
}

// A child that is killed while it writes the content leaves no name behind.
TEST(Segment, appears_whole_or_not_at_all) {
  const std::string name = unique_name();
  EXPECT_EQ(in_child([&] {
              Segment::create_named(Kind::kQueue, name, kSize,
                                    [](std::byte*) { ::raise(SIGKILL); });
              return 0;
            }),
            -SIGKILL);
  EXPECT_THROW(Segment::open_named(Kind::kQueue, name, kSize), NameMissing);
}

TEST(Segment, knows_its_user_in_each_process) {
  const auto segment = make();
  EXPECT_EQ(segment->user(), os::self());
  EXPECT_EQ(in_child([&] { return os::pid_of(segment->user()) == ::getpid() ? 0 : 1; }), 0);
}

}  // namespace
}  // namespace shoal::shm
