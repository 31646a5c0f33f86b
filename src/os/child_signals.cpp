#include "os/child_signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "os/error.hpp"

namespace shoal::os {

struct ChildSignals::Before {
  sigset_t mask;
  struct sigaction child;
  struct sigaction interrupt;
};

ChildSignals::ChildSignals() : before_(std::make_unique<Before>()) {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;  // SIG_IGN, which survives exec, would lose the exit codes
  ::sigaction(SIGCHLD, &action, &before_->child);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGINT, &action, &before_->interrupt);
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &children, &before_->mask);
  arrivals_ = Fd(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!arrivals_) throw_errno("receive", "SIGCHLD by descriptor");
}

ChildSignals::~ChildSignals() { restore(); }

int ChildSignals::descriptor() const noexcept { return arrivals_.get(); }

void ChildSignals::drain() noexcept {
  signalfd_siginfo info{};
  while (::read(arrivals_.get(), &info, sizeof info) > 0) {
  }
}

void ChildSignals::restore() noexcept {
  if (!before_) return;
  arrivals_.reset();
  ::sigaction(SIGCHLD, &before_->child, nullptr);
  ::sigaction(SIGINT, &before_->interrupt, nullptr);
  ::sigprocmask(SIG_SETMASK, &before_->mask, nullptr);
  before_.reset();
}

}  // namespace shoal::os
