// Queues and locks that have a name: made, opened, removed, and refused with a reason.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <shoal/error.hpp>
#include <shoal/lock.hpp>
#include <shoal/process.hpp>
#include <shoal/queue.hpp>
#include <string>
#include <type_traits>

#include "shm/layout.hpp"
#include "support/process_facts.hpp"
#include "support/start_methods.hpp"

namespace {

using shoal::Lock;
using shoal::Process;
using IntQueue = shoal::Queue<int>;
using support::kDeadline;

std::string unique_name() {
  static int count = 0;
  return "test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}
std::filesystem::path path_of(const std::string& name) { return "/dev/shm/shoal." + name; }

template <class T>
T make(const std::string& name) {
  if constexpr (std::is_same_v<T, Lock>) return Lock(name);
  else return T({.name = name});
}

/// Runs for both kinds; the name is removed afterwards.
template <class T>
class NamesTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_of(name_)); }

  /// Writes over what stands at an offset of the header.
  template <class Value>
  void patch(std::size_t offset, Value value) {
    std::fstream file(path_of(name_), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(offset));
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  /// What open() throws; empty where that is no Error.
  template <class Error>
  [[nodiscard]] std::string opening_throws() const {
    try {
      static_cast<void>(T::open(name_));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  std::string name_ = unique_name();
};
using Kinds = testing::Types<IntQueue, Lock>;
TYPED_TEST_SUITE(NamesTest, Kinds);
namespace shm = shoal::shm;

TYPED_TEST(NamesTest, lead_to_the_object) {
  const auto made = make<TypeParam>(this->name_);
  const auto opened = TypeParam::open(this->name_);
  EXPECT_TRUE(made == opened);
  EXPECT_EQ(opened.name(), this->name_);
}

TYPED_TEST(NamesTest, are_visible_to_their_user_only) {
  const auto made = make<TypeParam>(this->name_);
  struct stat info{};
  ASSERT_EQ(::stat(path_of(this->name_).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TYPED_TEST(NamesTest, cannot_be_taken_twice) {
  const auto made = make<TypeParam>(this->name_);
  EXPECT_THROW(static_cast<void>(make<TypeParam>(this->name_)), shoal::NameTaken);
  EXPECT_THROW(static_cast<void>(Lock(this->name_)), shoal::NameTaken);
}

TYPED_TEST(NamesTest, that_are_missing_are_refused) {
  EXPECT_NE(this->template opening_throws<shoal::NameMissing>(), "");
  EXPECT_THROW(TypeParam::unlink(this->name_), shoal::NameMissing);
}

TYPED_TEST(NamesTest, are_removed_from_under_their_users) {
  const auto first = make<TypeParam>(this->name_);
  const auto opened = TypeParam::open(this->name_);
  TypeParam::unlink(this->name_);
  EXPECT_FALSE(std::filesystem::exists(path_of(this->name_)));
  const auto second = make<TypeParam>(this->name_);
  EXPECT_TRUE(opened == first);
  EXPECT_FALSE(opened == second);
}

TYPED_TEST(NamesTest, of_objects_that_all_have_left_still_lead_to_them) {
  static_cast<void>(make<TypeParam>(this->name_));
  EXPECT_NO_THROW(static_cast<void>(TypeParam::open(this->name_)));
}

TYPED_TEST(NamesTest, give_their_descriptors_back) {
  static_cast<void>(make<TypeParam>(this->name_));
  const auto before = support::open_descriptors();
  for (int i = 0; i < 100; ++i) static_cast<void>(TypeParam::open(this->name_));
  EXPECT_EQ(support::open_descriptors(), before);
}

TYPED_TEST(NamesTest, of_another_kind_are_refused) {
  if constexpr (std::is_same_v<TypeParam, Lock>) static_cast<void>(make<IntQueue>(this->name_));
  else static_cast<void>(make<Lock>(this->name_));
  EXPECT_NE(this->template opening_throws<shoal::WrongKind>().find("was asked for"),
            std::string::npos);
}

TYPED_TEST(NamesTest, of_another_kind_are_not_removed) {
  using Other = std::conditional_t<std::is_same_v<TypeParam, Lock>, IntQueue, Lock>;
  static_cast<void>(make<Other>(this->name_));
  EXPECT_THROW(TypeParam::unlink(this->name_), shoal::WrongKind);
  EXPECT_TRUE(std::filesystem::exists(path_of(this->name_)));
  // Damaged or of another version, it is anybody's.
  this->patch(offsetof(shm::SegmentHeader, version), std::uint32_t{77});
  TypeParam::unlink(this->name_);
  static_cast<void>(make<Other>(this->name_));
  std::filesystem::resize_file(path_of(this->name_), 300);
  TypeParam::unlink(this->name_);
  EXPECT_FALSE(std::filesystem::exists(path_of(this->name_)));
}

TYPED_TEST(NamesTest, of_another_version_are_refused) {
  static_cast<void>(make<TypeParam>(this->name_));
  this->patch(offsetof(shm::SegmentHeader, version), std::uint32_t{77});
  const std::string said = this->template opening_throws<shoal::WrongVersion>();
  EXPECT_NE(said.find("layout version 77"), std::string::npos) << said;
}

TYPED_TEST(NamesTest, from_other_namespaces_are_refused) {
  for (const std::size_t offset : {offsetof(shm::SegmentHeader, pid_namespace),
                                   offsetof(shm::SegmentHeader, time_namespace)}) {
    static_cast<void>(make<TypeParam>(this->name_));
    this->patch(offset, std::uint64_t{1});
    EXPECT_NE(this->template opening_throws<shoal::WrongNamespace>(), "");
    TypeParam::unlink(this->name_);
  }
}

TYPED_TEST(NamesTest, with_a_damaged_header_are_refused) {
  const std::vector<std::function<void()>> damages{
      [&] { this->patch(offsetof(shm::SegmentHeader, magic), 'S'); },
      [&] { this->patch(offsetof(shm::SegmentHeader, size), ~std::uint64_t{0}); },
      [&] { this->patch(offsetof(shm::SegmentHeader, size), std::uint64_t{1}); },
      [&] { this->patch(offsetof(shm::SegmentHeader, watch_bound_us), std::uint32_t{0}); },
      [&] { this->patch(sizeof(shm::SegmentHeader) - 1, 'x'); },
      [&] { std::filesystem::resize_file(path_of(this->name_), 0); },
      [&] { std::filesystem::resize_file(path_of(this->name_), 100); },
      [&] { std::filesystem::resize_file(path_of(this->name_), 300); },
      [&] { std::ofstream(path_of(this->name_)) << std::string(10'000, 'x'); },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    static_cast<void>(make<TypeParam>(this->name_));
    damages[i]();
    EXPECT_NE(this->template opening_throws<shoal::Damaged>(), "") << "damage " << i;
    TypeParam::unlink(this->name_);
  }
}

TYPED_TEST(NamesTest, that_will_not_do_are_refused) {
  for (const std::string& bad :
       {std::string("a/b"), std::string("."), std::string(".x"), std::string("a\n"),
        std::string("a\0b", 3), std::string(121, 'n')}) {
    EXPECT_THROW(static_cast<void>(make<TypeParam>(bad)), std::invalid_argument) << bad;
    EXPECT_THROW(static_cast<void>(TypeParam::open(bad)), std::invalid_argument) << bad;
    EXPECT_THROW(TypeParam::unlink(bad), std::invalid_argument) << bad;
  }
  EXPECT_THROW(static_cast<void>(TypeParam::open("")), std::invalid_argument);
}

TYPED_TEST(NamesTest, of_another_user_are_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  static_cast<void>(make<TypeParam>(this->name_));
  ASSERT_EQ(::chown(path_of(this->name_).c_str(), 65534, 65534), 0);
  EXPECT_NE(this->template opening_throws<shoal::WrongOwner>(), "");
}

// ---------------------------------------------------------------- other processes

class NamesProcessTest : public support::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Each, NamesProcessTest, support::kStartMethods,
                         support::start_method_name);

void put_by_name(const std::string& name, int value) { IntQueue::open(name).put(value); }

TEST_P(NamesProcessTest, are_opened_by_other_processes) {
  const std::string name = unique_name();
  IntQueue queue({.name = name});
  Process process(put_by_name, name, 5);
  process.start();
  EXPECT_EQ(queue.get_for(kDeadline), 5);
  process.join();
  IntQueue::unlink(name);
}

void make_and_leave(const std::string& name) {
  IntQueue({.maxsize = 3, .name = name}).put(7);
  ::_exit(0);
}

TEST_P(NamesProcessTest, outlive_their_makers) {
  const std::string name = unique_name();
  Process process(make_and_leave, name);
  process.start();
  EXPECT_TRUE(process.join_for(kDeadline));
  IntQueue queue = IntQueue::open(name);
  EXPECT_EQ(queue.maxsize(), 3U);
  EXPECT_EQ(queue.try_get(), 7);
  IntQueue::unlink(name);
}

void open_as_nobody(const std::string& name) {
  if (::setgid(65534) != 0 || ::setuid(65534) != 0) std::exit(1);
  const auto refused = [](auto&& call) {
    try {
      call();
    } catch (const shoal::WrongOwner&) {
      return true;
    }
    return false;
  };
  const bool all = refused([&] { static_cast<void>(IntQueue::open(name)); }) &&
                   refused([&] { IntQueue::unlink(name); });
  std::exit(all ? 0 : 2);
}

TEST_P(NamesProcessTest, are_refused_to_other_users) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const std::string name = unique_name();
  const IntQueue queue({.name = name});
  Process process(open_as_nobody, name);
  process.start();
  EXPECT_TRUE(process.join_for(kDeadline));
  EXPECT_EQ(process.exitcode(), 0);
  IntQueue::unlink(name);
}

void put_into(IntQueue queue, Lock lock, int value) {
  lock.release();
  queue.put(value);
}

TEST_P(NamesProcessTest, are_not_needed_to_travel_as_arguments) {
  const std::string name = unique_name();
  IntQueue queue({.name = name});
  Lock lock(name + "-lock");
  IntQueue::unlink(name);
  Lock::unlink(name + "-lock");
  lock.lock();
  Process process(put_into, queue, lock, 9);
  process.start();
  EXPECT_TRUE(process.join_for(kDeadline));
  EXPECT_EQ(queue.try_get(), 9);
  EXPECT_FALSE(lock.locked());
}

}  // namespace
