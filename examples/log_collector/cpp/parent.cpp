#include "parent.hpp"

#include <shoal/wait.hpp>

#include <pthread.h>
#include <unistd.h>

namespace logs {
namespace {

volatile std::sig_atomic_t caught = 0;

}  // namespace

Parent::Parent() : process_(shoal::parent_process()), pid_(::getppid()) {}

bool Parent::is_gone() const { return process_ ? !process_->is_alive() : ::getppid() != pid_; }

void forget_signal_handlers() {
  shoal::set_interrupt_check(nullptr);
  std::signal(SIGTERM, SIG_DFL);
}

KeepInterruptFromChildren::KeepInterruptFromChildren() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}

KeepInterruptFromChildren::~KeepInterruptFromChildren() {
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void interrupt_on_signals() {
  std::signal(SIGINT, [](int signal) { caught = signal; });
  std::signal(SIGTERM, [](int signal) { caught = signal; });
  shoal::set_interrupt_check([] { return caught != 0; });
}

int caught_signal() { return caught; }

}  // namespace logs
