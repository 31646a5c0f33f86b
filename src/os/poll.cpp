#include "os/poll.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "os/error.hpp"
#include "os/task.hpp"

namespace shoal::os {
namespace {

constexpr std::size_t kMost = 8;
constexpr auto kMainThreadBound = std::chrono::milliseconds(100);

timespec as_timespec(Nanoseconds time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  return {seconds.count(), static_cast<long>((time - seconds).count())};
}

// How long the next sleep may last; nullptr: until something happens.
const timespec* sleep_time(Deadline deadline, bool bounded, timespec& room) {
  if (deadline.is_now()) {
    room = {};
    return &room;
  }
  auto time = Nanoseconds::max();
  if (!deadline.is_never()) {
    time = std::max(Nanoseconds::zero(), Nanoseconds(deadline.at() - Clock::now()));
  }
  if (bounded) time = std::min<Nanoseconds>(time, kMainThreadBound);
  if (time == Nanoseconds::max()) return nullptr;
  room = as_timespec(time);
  return &room;
}

unsigned ready_bits(const std::array<pollfd, kMost>& asked, std::size_t count) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if ((asked[i].revents & POLLNVAL) != 0) {
      throw_errno("wait for", "descriptor " + std::to_string(asked[i].fd), EBADF);
    }
    if (asked[i].revents != 0) bits |= 1U << i;
  }
  return bits;
}

unsigned wait_for(std::array<pollfd, kMost>& asked, std::size_t count, Deadline deadline,
                  void (*on_interrupt)()) {
  const bool bounded = on_interrupt != nullptr && is_main_thread();
  for (;;) {
    timespec room{};
    const timespec* time = sleep_time(deadline, bounded, room);
    const int found = ::ppoll(asked.data(), static_cast<nfds_t>(count), time, nullptr);
    if (found < 0 && errno != EINTR) throw_errno("wait for", "a descriptor");
    if (found > 0) return ready_bits(asked, count);
    if (deadline.is_now() && found == 0) return 0;
    if (on_interrupt != nullptr) on_interrupt();
    if (deadline.passed()) {
      if (found == 0) return 0;
      deadline = Deadline::now();  // interrupted at the last moment: one more look
    }
  }
}

}  // namespace

unsigned wait_readable(std::initializer_list<int> fds, Deadline deadline, void (*on_interrupt)()) {
  std::array<pollfd, kMost> asked{};
  const std::size_t count = std::min(fds.size(), kMost);
  std::transform(fds.begin(), fds.begin() + count, asked.begin(),
                 [](int fd) { return pollfd{fd, POLLIN, 0}; });
  return wait_for(asked, count, deadline, on_interrupt);
}

bool wait_writable(int fd, Deadline deadline, void (*on_interrupt)()) {
  std::array<pollfd, kMost> asked{pollfd{fd, POLLOUT, 0}};
  return wait_for(asked, 1, deadline, on_interrupt) != 0;
}

}  // namespace shoal::os
