#include "process/started.hpp"

#include <algorithm>
#include <utility>

#include "os/pidfd.hpp"
#include "os/poll.hpp"
#include "process/line.hpp"
#include "shm/parking.hpp"

namespace shoal::process {
namespace {

// How long the code of a process that has ended is waited for before the next look at its sentinel.
constexpr auto kPatience = std::chrono::seconds(1);
constexpr auto kPause = std::chrono::milliseconds(5);

}  // namespace

std::optional<int> Started::wait(os::Deadline deadline) {
  for (;;) {
    os::wait_readable({sentinel_.get()}, deadline, &shm::check_interrupt);
    const auto code =
        find_code(earlier(deadline, os::Deadline::after(kPatience)), &shm::check_interrupt);
    if (code || deadline.passed()) return code;
  }
}

std::optional<int> Started::find_code(os::Deadline deadline, void (*on_interrupt)()) {
  for (;;) {
    {
      const std::lock_guard guard(mutex_);
      if (code_ || !has_ended()) return code_;
      code_ = look_for_code(deadline);
      if (code_ || deadline.passed()) return code_;
    }
    await_code(earlier(deadline, os::Deadline::after(kPause)), on_interrupt);
  }
}

void Started::await_code(os::Deadline deadline, void (*on_interrupt)()) const {
  os::wait_readable({}, deadline, on_interrupt);
}

std::optional<std::string> Started::exception() {
  const std::lock_guard guard(mutex_);
  listen();
  return exception_;
}

void Started::signal(int number) {
  const std::lock_guard guard(mutex_);
  if (!code_ && !has_ended()) os::send_signal(sentinel_, number);
}

bool Started::has_ended() const {
  return os::wait_readable({sentinel_.get()}, os::Deadline::now(), nullptr) != 0;
}

os::Received Started::listen() {
  for (;;) {
    Saying saying;
    const auto received = hear(line_, saying);
    if (received != os::Received::kMessage) return received;
    if (saying.word == Word::kStatus) status_ = saying.number;
    if (saying.word != Word::kEnd) continue;
    told_ = saying.number;
    if (!saying.text.empty()) exception_ = std::move(saying.text);
  }
}

// Nothing: it is not yet to be taken away though it has ended, as a debugger looks at it.
std::optional<int> OwnChild::look_for_code(os::Deadline) {
  const auto ended = os::try_reap(process());
  if (!ended) return std::nullopt;
  listen();
  return ended->code.value_or(told().value_or(kUnknownCode));
}

std::optional<int> GoneChild::look_for_code(os::Deadline) {
  listen();
  return told().value_or(kUnknownCode);
}

void ServedChild::go() const { say(line(), Word::kGo); }

// The server tells the code a moment after the child's end; a dead one never, and a stopped one
// is not waited for where the child has told its code itself.
std::optional<int> ServedChild::look_for_code(os::Deadline deadline) {
  const bool served = !server_->has_ended();
  silent_.store(listen() == os::Received::kGone, std::memory_order_relaxed);
  if (status()) return status();
  if (!served) return told().value_or(kUnknownCode);
  return deadline.passed() && !deadline.is_now() ? told() : std::nullopt;
}

void ServedChild::await_code(os::Deadline deadline, void (*on_interrupt)()) const {
  const bool silent = silent_.load(std::memory_order_relaxed);
  os::wait_readable({silent ? -1 : line().get(), server_->sentinel()}, deadline, on_interrupt);
}

}  // namespace shoal::process
