#include "os/task.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

namespace shoal::os {
namespace {

template <class Event>
bool happens(Event event) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!event()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

TaskWord word_of(pid_t pid, std::uint64_t start) {
  return static_cast<TaskWord>(static_cast<std::uint32_t>(start)) << 32U |
         static_cast<TaskWord>(pid);
}
TaskWord word_of(pid_t pid) { return word_of(pid, start_time(pid)); }

// A child that does nothing until it is killed; reaped at the end of the scope.
class Child {
 public:
  template <class Body>
  explicit Child(Body body) : pid_(::fork()) {
    if (pid_ == 0) {
      body();
      for (;;) ::pause();
    }
    word_ = word_of(pid_);
  }
  Child() : Child([] {}) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill();
    reap();
  }
  void kill() const {
    if (!reaped_) ::kill(pid_, SIGKILL);
  }
  void reap() {
    if (!reaped_) ::waitpid(pid_, nullptr, 0);
    reaped_ = true;
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] TaskWord word() const { return word_; }
  [[nodiscard]] char state() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto end = text.rfind(')');
    return end == std::string::npos ? '?' : text.at(end + 2);
  }

 private:
  pid_t pid_;
  TaskWord word_ = 0;
  bool reaped_ = false;
};

// What a child made in this way takes itself for.
template <class MakeChild>
TaskWord self_in_child(MakeChild make_child, pid_t& pid) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  pid = make_child();
  if (pid == 0) {
    const TaskWord word = self();
    static_cast<void>(!::write(ends[1], &word, sizeof word));
    ::_exit(0);
  }
  TaskWord word = 0;
  EXPECT_EQ(::read(ends[0], &word, sizeof word), static_cast<ssize_t>(sizeof word));
  ::close(ends[0]);
  ::close(ends[1]);
  return word;
}

TEST(Task, names_this_process_by_pid_and_start_time) {
  EXPECT_EQ(pid_of(self()), ::getpid());
  EXPECT_EQ(start_of(self()), static_cast<std::uint32_t>(start_time(::getpid())));
  EXPECT_EQ(self(), word_of(::getpid()));
  EXPECT_EQ(self() & (3U << 30U), 0U) << "the kernel's futex bits are free";
}

TEST(Task, is_the_same_in_every_thread) {
  TaskWord other = 0;
  bool main = true;
  std::thread([&] {
    other = self();
    main = is_main_thread();
  }).join();
  EXPECT_EQ(other, self());
  EXPECT_FALSE(main);
  EXPECT_TRUE(is_main_thread());
}

TEST(Task, is_another_in_each_child_however_it_was_made) {
  static_cast<void>(self());  // known here, so that a child could take it over
  const auto raw_clone = [] {
    return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0));
  };
  const std::array<pid_t (*)(), 3> ways{[] { return ::fork(); }, [] { return ::_Fork(); },
                                        raw_clone};
  for (const auto way : ways) {
    pid_t pid = 0;
    const TaskWord word = self_in_child(way, pid);
    EXPECT_EQ(pid_of(word), pid);
    EXPECT_NE(word, self());
    EXPECT_TRUE(happens([&] { return is_dead(word); }));
    ::waitpid(pid, nullptr, 0);
  }
}

TEST(Task, is_another_in_a_grandchild) {
  pid_t pid = 0;
  const TaskWord word = self_in_child(
      [] {
        const pid_t child = ::fork();
        if (child != 0) return child;
        static_cast<void>(self());
        const pid_t grandchild = ::fork();
        if (grandchild == 0) return pid_t{0};
        ::waitpid(grandchild, nullptr, 0);
        ::_exit(0);
      },
      pid);
  EXPECT_NE(pid_of(word), pid);
  EXPECT_NE(pid_of(word), ::getpid());
  ::waitpid(pid, nullptr, 0);
}

TEST(Task, is_not_dead_while_it_lives) {
  EXPECT_FALSE(is_dead(self()));
  EXPECT_FALSE(is_dead(0)) << "nobody is not dead";
  EXPECT_FALSE(is_dead(word_of(1)));
  const Child child;
  EXPECT_FALSE(is_dead(child.word()));
}

TEST(Task, is_dead_when_no_process_can_be_called_so) {
  EXPECT_TRUE(is_dead(TaskWord{1} << 32U));
  EXPECT_TRUE(is_dead(kPidMask));
}

TEST(Task, is_not_dead_when_stopped) {
  const Child child;
  ::kill(child.pid(), SIGSTOP);
  EXPECT_TRUE(happens([&] { return child.state() == 'T'; }));
  EXPECT_FALSE(is_dead(child.word()));
}

TEST(Task, is_dead_as_a_zombie_and_when_it_is_gone) {
  Child child;
  child.kill();
  EXPECT_TRUE(happens([&] { return is_dead(child.word()); }));
  EXPECT_TRUE(happens([&] { return child.state() == 'Z'; }));
  EXPECT_TRUE(is_dead(child.word()));
  child.reap();
  EXPECT_TRUE(is_dead(child.word()));
}

TEST(Task, is_dead_when_its_pid_belongs_to_another_process) {
  const Child child;
  EXPECT_TRUE(is_dead(word_of(child.pid(), start_of(child.word()) - 1)));
  EXPECT_TRUE(is_dead(word_of(::getpid(), start_of(self()) + 1)));
}

// The leader ends by pthread_exit; a second thread goes on.
TEST(Task, is_alive_as_a_zombie_with_a_living_thread) {
  Child child([] {
    std::thread([] {
      for (;;) ::pause();
    }).detach();
    ::syscall(SYS_exit, 0);  // of this thread alone
  });
  EXPECT_TRUE(happens([&] { return child.state() == 'Z'; }));
  EXPECT_FALSE(is_dead(child.word()));
  child.kill();
  EXPECT_TRUE(happens([&] { return is_dead(child.word()); }));
}

void* hand_over(void*) {
  pthread_attr_t small;
  ::pthread_attr_init(&small);
  ::pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&small, 64U << 10U);
  pthread_t next{};
  while (::pthread_create(&next, &small, hand_over, nullptr) != 0) {
  }
  return nullptr;
}

// Each makes the next one and ends: whichever is looked at has ended, or is not there yet.
TEST(Task, is_alive_while_its_threads_hand_over_to_each_other) {
  Child child([] {
    hand_over(nullptr);
    ::syscall(SYS_exit, 0);  // of this thread alone
  });
  ASSERT_TRUE(happens([&] { return child.state() == 'Z'; }));
  for (int look = 0; look < 20'000; ++look) ASSERT_FALSE(is_dead(child.word())) << look;
  child.kill();
  EXPECT_TRUE(happens([&] { return is_dead(child.word()); }));
}

// Giving 512 MiB back takes the kernel long after the process has ceased to run.
TEST(Task, is_dead_while_the_kernel_still_takes_its_memory_away) {
  constexpr std::size_t kSize = 512U << 20U;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  Child child([&] {
    void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    const char ready = memory == MAP_FAILED ? 'n' : 'y';
    static_cast<void>(!::write(ends[1], &ready, 1));
  });
  char ready = 0;
  ASSERT_EQ(::read(ends[0], &ready, 1), 1);
  ::close(ends[0]);
  ::close(ends[1]);
  if (ready != 'y') GTEST_SKIP() << "no 512 MiB";
  child.kill();
  EXPECT_TRUE(happens([&] { return is_dead(child.word()); }));
  RecordProperty("state_when_seen_dead", std::string(1, child.state()));  // often not yet Z
}

TEST(Task, is_known_beside_names_that_look_like_fields) {
  const Child child([] { ::pthread_setname_np(::pthread_self(), ") Z 1 ("); });
  EXPECT_FALSE(is_dead(child.word()));
  EXPECT_NE(start_of(child.word()), 0U);
}

TEST(Task, lives_in_namespaces_that_have_numbers) {
  EXPECT_NE(namespaces().pid, 0U);
  EXPECT_NE(namespaces().time, 0U);
  EXPECT_EQ(namespaces(), namespaces());
}

}  // namespace
}  // namespace shoal::os
