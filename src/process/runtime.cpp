#include "process/runtime.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "os/pidfd.hpp"
#include "os/spawn.hpp"
#include "os/task.hpp"

namespace shoal::process {
namespace {

constinit std::atomic<Runtime*> this_process{nullptr};

// The old one is left as it is and stays in reach, of leak checkers too.
constinit std::atomic<const Runtime*> of_the_parent{nullptr};

StatePtr describe_self(int pid, const Birth* birth) {
  auto self = std::make_shared<detail::ProcessState>();
  self->creator = pid;
  self->self = true;
  self->name = birth != nullptr ? birth->name : "MainProcess";
  if (birth != nullptr) {
    self->identity = birth->identity;
    self->daemon = birth->daemon;
    self->method = birth->method;
  }
  return self;
}

// Registered with the first Runtime of a program; runs in forked children as well, where it finds
// another one. Children of shoal do not come here: see child.cpp.
void finish_at_exit() { Runtime::current().finish(); }

}  // namespace

Runtime::Runtime(const Birth* birth, const Runtime* before)
    : pid_(os::process_id()), is_child_(birth != nullptr), self_(describe_self(pid_, birth)) {
  if (birth != nullptr) {
    parent_ = birth->parent;
    parent_name_ = birth->parent_name;
    start_method = birth->method;
  } else if (before != nullptr) {  // forked without shoal: the same, but without children
    self_->name = before->self_->name;
    self_->identity = before->self_->identity;
    self_->daemon = before->self_->daemon;
    parent_ = before->parent_;
    parent_name_ = before->parent_name_;
    start_method = before->start_method.load();
  }
}

Runtime& Runtime::current() {
  auto* known = this_process.load(std::memory_order_acquire);
  if (known != nullptr && known->pid_ == os::process_id()) return *known;
  auto* const fresh = new Runtime(nullptr, known);
  if (this_process.compare_exchange_strong(known, fresh, std::memory_order_acq_rel)) {
    if (known == nullptr) std::atexit(&finish_at_exit);
    if (known != nullptr) of_the_parent.store(known);
    return *fresh;
  }
  delete fresh;  // another thread was first
  return *known;
}

Runtime& Runtime::begin_child(const Birth& birth, std::shared_ptr<const ForkServer> server) {
  auto* const fresh = new Runtime(&birth, nullptr);
  fresh->server_ = std::move(server);
  of_the_parent.store(this_process.exchange(fresh, std::memory_order_acq_rel));
  return *fresh;
}

// The descriptor is opened first: that the process of this start time still lives afterwards
// shows that its number was not given to another before.
std::shared_ptr<const detail::ParentRecord> Runtime::parent() {
  if (parent_ == 0) return nullptr;
  const std::lock_guard guard(mutex_);
  if (parent_record_) return parent_record_;
  const int pid = os::pid_of(parent_);
  os::Fd sentinel = os::try_open_pidfd(pid);
  if (!sentinel || os::is_dead(parent_)) sentinel = os::readable_for_ever();
  parent_record_ =
      std::make_shared<const detail::ParentRecord>(pid, parent_name_, std::move(sentinel));
  return parent_record_;
}

std::vector<std::uint32_t> Runtime::next_identity() {
  auto identity = self_->identity;
  identity.push_back(count_.fetch_add(1, std::memory_order_relaxed) + 1);
  return identity;
}

Birth Runtime::birth_of(const detail::ProcessState& state, StartMethod method) const {
  return {.name = state.name,
          .daemon = state.daemon,
          .identity = state.identity,
          .method = method,
          .parent = os::self(),
          .parent_name = self_->name};
}

std::shared_ptr<const ForkServer> Runtime::fork_server() {
  const std::lock_guard guard(server_mutex_);
  if (!server_ || server_->has_ended()) server_ = ForkServer::start();
  return server_;
}

std::shared_ptr<const ForkServer> Runtime::known_fork_server() {
  const std::lock_guard guard(server_mutex_);
  return server_;
}

void Runtime::forget(const std::shared_ptr<const ForkServer>& dead) {
  const std::lock_guard guard(server_mutex_);
  if (server_ == dead) server_.reset();
}

void Runtime::add(StatePtr state, StartedPtr child) {
  const std::lock_guard guard(mutex_);
  children_.push_back({std::move(state), std::move(child)});
}

void Runtime::remove(const StartedPtr& child) {
  const std::lock_guard guard(mutex_);
  std::erase_if(children_, [&](const Child& known) { return known.started == child; });
}

std::vector<Runtime::Child> Runtime::children() {
  const std::lock_guard guard(mutex_);
  return children_;
}

std::vector<StatePtr> Runtime::active_children() {
  if (const auto server = known_fork_server()) static_cast<void>(server->has_ended());
  std::vector<StatePtr> active;
  for (auto& child : children()) {
    if (child.started->wait(os::Deadline::now())) remove(child.started);
    else active.push_back(std::move(child.state));
  }
  return active;
}

// Interrupted: the rest goes on alone, as when this process is killed.
void Runtime::end_children() noexcept {
  try {
    const auto all = children();
    for (const auto& child : all) {
      if (child.state->daemon) child.started->signal(SIGTERM);
    }
    for (const auto& child : all) {
      child.started->wait(os::Deadline::never());
      remove(child.started);
    }
  } catch (...) {
    return;
  }
}

void Runtime::finish() noexcept {
  end_children();
  if (const auto server = known_fork_server()) server->leave();
}

}  // namespace shoal::process
