#include <algorithm>
#include <csignal>
#include <shoal/error.hpp>
#include <shoal/process.hpp>

#include "os/poll.hpp"
#include "process/runtime.hpp"
#include "process/start.hpp"
#include "process/state.hpp"
#include "shm/parking.hpp"

namespace shoal {

using process::Runtime;
using process::Started;

namespace {

std::string default_name(const std::vector<std::uint32_t>& identity) {
  std::string name = "Process";
  char separator = '-';
  for (const auto count : identity) {
    name += separator + std::to_string(count);
    separator = ':';
  }
  return name;
}

std::shared_ptr<Started> start_by(StartMethod method, const process::Birth& birth,
                                  std::unique_ptr<detail::Target>& target) {
  switch (method) {
    case StartMethod::fork: return process::start_by_fork(birth, target);
    case StartMethod::spawn: return process::start_by_spawn(birth, *target);
    case StartMethod::forkserver: return process::start_by_forkserver(birth, *target);
  }
  throw std::invalid_argument("no such start method");
}

[[noreturn]] void refuse(const char* operation, const std::string& name, const char* why) {
  throw ProcessError(std::string("cannot ") + operation + " " + name + ": " + why);
}

}  // namespace

// ---------------------------------------------------------------- checks

void detail::ProcessState::check_open() const {
  if (closed) throw ClosedError("process object " + name + " is closed");
}

void detail::ProcessState::check_creator(const char* operation) const {
  if (creator != Runtime::current().pid()) {
    refuse(operation, name, "it was made by another process");
  }
}

const std::shared_ptr<Started>& detail::ProcessState::check_started(const char* operation) const {
  check_open();
  check_creator(operation);
  if (self) refuse(operation, name, "it is this process itself");
  if (!child) refuse(operation, name, "it was not started");
  return child;
}

detail::ProcessState& Process::state() const {
  if (!state_) throw ProcessError("this Process was moved from");
  return *state_;
}

// ---------------------------------------------------------------- the handle

Process::Process(std::shared_ptr<detail::ProcessState> state) noexcept : state_(std::move(state)) {}

Process::Process(ProcessOptions options, std::unique_ptr<detail::Target> target)
    : state_(std::make_shared<detail::ProcessState>()) {
  auto& runtime = Runtime::current();
  state_->creator = runtime.pid();
  state_->identity = runtime.next_identity();
  state_->name = options.name.empty() ? default_name(state_->identity) : std::move(options.name);
  state_->daemon = options.daemon.value_or(runtime.self()->daemon);
  state_->method = options.start_method;
  state_->target = std::move(target);
}

Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

void Process::start() {
  auto& made = state();
  made.check_open();
  made.check_creator("start");
  if (made.self || made.child) refuse("start", made.name, "it was started before");
  auto& runtime = Runtime::current();
  if (runtime.self()->daemon) {
    refuse("start", made.name, "this process is a daemon, and daemons may not have children");
  }
  static_cast<void>(runtime.active_children());  // takes away the remains of those that ended
  const StartMethod method = made.method.value_or(runtime.start_method.load());
  made.child = start_by(method, runtime.birth_of(made, method), made.target);
  made.method = method;
  made.target.reset();
  runtime.add(state_, made.child);
}

void Process::join() { static_cast<void>(join_within(std::chrono::nanoseconds::max())); }

bool Process::join_within(std::chrono::nanoseconds timeout) {
  const auto child = state().check_started("join");
  if (!child->wait(os::Deadline::after(timeout))) return false;
  Runtime::current().remove(child);
  return true;
}

bool Process::is_alive() const {
  const auto& made = state();
  made.check_open();
  made.check_creator("ask for the state of");
  if (made.self) return true;
  if (!made.child) return false;
  return !exitcode().has_value();
}

std::optional<int> Process::exitcode() const {
  const auto& made = state();
  made.check_open();
  made.check_creator("ask for the exit code of");
  if (!made.child) return std::nullopt;
  // A child of the forkserver has ended a moment before its code is known.
  constexpr auto kMoment = std::chrono::milliseconds(100);
  const auto code = made.child->wait_if_ended(os::Deadline::after(kMoment));
  if (code) Runtime::current().remove(made.child);
  return code;
}

std::optional<std::string> Process::exception() const {
  const auto& made = state();
  made.check_open();
  made.check_creator("ask for the exception of");
  return made.child ? made.child->exception() : std::nullopt;
}

std::optional<int> Process::pid() const {
  const auto& made = state();
  made.check_open();
  if (made.self) return made.creator;
  return made.child ? std::optional(made.child->pid()) : std::nullopt;
}

int Process::sentinel() const { return state().check_started("give the sentinel of")->sentinel(); }

const std::string& Process::name() const { return state().name; }
void Process::set_name(std::string name) { state().name = std::move(name); }
bool Process::daemon() const { return state().daemon; }

void Process::set_daemon(bool daemon) {
  auto& made = state();
  if (made.self || made.child) refuse("make a daemon of", made.name, "it was started before");
  made.daemon = daemon;
}

StartMethod Process::start_method() const {
  return state().method.value_or(Runtime::current().start_method.load());
}

void Process::terminate() { state().check_started("terminate")->signal(SIGTERM); }
void Process::kill() { state().check_started("kill")->signal(SIGKILL); }

void Process::close() {
  auto& made = state();
  if (made.self) return;
  if (made.child) {
    if (!exitcode()) refuse("close", made.name, "it is still running; join() or terminate() it");
    made.child.reset();
  }
  made.target.reset();
  made.closed = true;
}

// ---------------------------------------------------------------- this process and its kin

void set_start_method(StartMethod method) noexcept { Runtime::current().start_method = method; }
StartMethod get_start_method() noexcept { return Runtime::current().start_method; }

Process current_process() { return detail::ProcessState::handle(Runtime::current().self()); }

std::vector<Process> active_children() {
  std::vector<Process> active;
  for (auto& state : Runtime::current().active_children()) {
    active.push_back(detail::ProcessState::handle(std::move(state)));
  }
  return active;
}

std::optional<ParentProcess> parent_process() {
  auto record = Runtime::current().parent();
  if (!record) return std::nullopt;
  return ParentProcess(std::move(record));
}

int ParentProcess::pid() const noexcept { return record_->pid; }
const std::string& ParentProcess::name() const noexcept { return record_->name; }
int ParentProcess::sentinel() const noexcept { return record_->sentinel.get(); }

bool ParentProcess::is_alive() const {
  return os::wait_readable({sentinel()}, os::Deadline::now(), nullptr) == 0;
}

void ParentProcess::join() const {
  static_cast<void>(join_within(std::chrono::nanoseconds::max()));
}

bool ParentProcess::join_within(std::chrono::nanoseconds timeout) const {
  return os::wait_readable({sentinel()}, os::Deadline::after(timeout), &shm::check_interrupt) != 0;
}

}  // namespace shoal
