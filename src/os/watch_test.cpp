#include "os/watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <string>

#include "os/memory.hpp"

namespace shoal::os {
namespace {

bool readable(const Fd& watch) {
  pollfd asked{watch.get(), POLLIN, 0};
  return ::poll(&asked, 1, 0) == 1;
}

class Watch : public testing::Test {
 protected:
  Watch() {
    take_memory(file_, 0, page_size(), "test");
    EXPECT_TRUE(give_name(file_, path_));
  }
  ~Watch() override { remove_name(path_); }

  void touch() const { os::touch(file_.get(), "test"); }
  void calm(const Fd& watch) const { os::calm(watch.get(), file_.get()); }

  const std::string path_ = std::string(shared_folder()) + "watch-" + std::to_string(::getpid());
  const Fd file_ = create_unnamed_file();
};

TEST_F(Watch, tells_of_each_touch_until_it_is_calm) {
  const Fd one = watch(file_.get(), "test");
  const Fd other = watch(file_.get(), "test");
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(readable(one));
    for (int i = 0; i <= round; ++i) touch();
    EXPECT_TRUE(readable(one));
    calm(one);
    EXPECT_FALSE(readable(one));
    EXPECT_TRUE(readable(other));
    calm(other);
  }
}

TEST_F(Watch, tells_of_nothing_else) {
  const Fd watched = watch(file_.get(), "test");
  const Mapping map(file_, page_size(), "test");
  map.data()[1] = std::byte{1};
  take_memory(file_, page_size(), page_size(), "test");
  int error = 0;
  EXPECT_TRUE(open_existing(path_, error));
  EXPECT_FALSE(readable(watched));
}

TEST_F(Watch, is_renewed_where_it_has_ended) {
  const Fd watched = watch(file_.get(), "test");
  int error = 0;
  Fd by_name = open_existing(path_, error);
  EXPECT_EQ(remove_name(path_), 0);
  by_name.reset();  // the last that the name has led to
  for (int round = 0; round < 3; ++round) {
    calm(watched);
    EXPECT_FALSE(readable(watched));
    touch();
    EXPECT_TRUE(readable(watched));
  }
}

TEST_F(Watch, stays_readable_where_it_cannot_be_renewed) {
  const Fd watched = watch(file_.get(), "test");
  EXPECT_EQ(remove_name(path_), 0);
  EXPECT_TRUE(readable(watched)) << "it has ended";
  os::calm(watched.get(), -1);
  EXPECT_TRUE(readable(watched));
  calm(watched);
  EXPECT_FALSE(readable(watched));
}

TEST_F(Watch, of_a_file_without_a_name_is_as_any) {
  EXPECT_EQ(remove_name(path_), 0);
  const Fd watched = watch(file_.get(), "test");
  EXPECT_FALSE(readable(watched));
  touch();
  EXPECT_TRUE(readable(watched));
  calm(watched);
  EXPECT_FALSE(readable(watched));
}

}  // namespace
}  // namespace shoal::os
