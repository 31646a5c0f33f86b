#include "process/started.hpp"

#include <algorithm>
#include <utility>

#include "os/pidfd.hpp"
#include "os/poll.hpp"
#include "process/line.hpp"
#include "shm/parking.hpp"

namespace shoal::process {
namespace {

// How long the code of a process that has ended is waited for before the next look.
constexpr auto kPatience = std::chrono::seconds(1);

os::Deadline earlier(os::Deadline a, os::Deadline b) { return a.at() < b.at() ? a : b; }

}  // namespace

std::optional<int> Started::wait(os::Deadline deadline) {
  for (;;) {
    os::wait_readable({sentinel_.get()}, deadline, &shm::check_interrupt);
    const auto code = wait_if_ended(earlier(deadline, os::Deadline::after(kPatience)));
    if (code || deadline.passed()) return code;
  }
}

std::optional<int> Started::wait_if_ended(os::Deadline deadline) {
  const std::lock_guard guard(mutex_);
  if (code_) return code_;
  if (has_ended()) code_ = find_code(deadline);
  return code_;
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

// Not yet to be taken away though it has ended: a debugger looks at it.
std::optional<int> OwnChild::find_code(os::Deadline deadline) {
  constexpr auto kPause = std::chrono::milliseconds(5);
  for (;;) {
    if (const auto ended = os::try_reap(process())) {
      listen();
      return ended->code.value_or(told().value_or(kUnknownCode));
    }
    if (deadline.passed()) return std::nullopt;
    os::wait_readable({}, os::Deadline::after(kPause), &shm::check_interrupt);
  }
}

std::optional<int> GoneChild::find_code(os::Deadline) {
  listen();
  return told().value_or(kUnknownCode);
}

void ServedChild::go() const { say(line(), Word::kGo); }

// The server tells the code a moment after the child's end; a dead one never, and a stopped one
// is not waited for where the child has told its code itself.
std::optional<int> ServedChild::find_code(os::Deadline deadline) {
  for (;;) {
    const bool served = !server_->has_ended();
    const bool silent = listen() == os::Received::kGone;
    if (status()) return status();
    if (!served) return told().value_or(kUnknownCode);
    if (deadline.passed()) return deadline.is_now() ? std::nullopt : told();
    os::wait_readable({silent ? -1 : line().get(), server_->sentinel()}, deadline,
                      &shm::check_interrupt);
  }
}

}  // namespace shoal::process
