#include "crew.hpp"

#include "parent.hpp"
#include "worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace logs {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRoom = 1000;  // records that wait for the collector
constexpr int kMostFruitless = 3;    // workers that die over the same line
constexpr auto kPoll = 20ms;         // how often the parent looks after its children
constexpr auto kPatience = 2s;       // with a child that was asked to end

std::size_t heaviest(const std::vector<Share>& shares) {
  const auto lighter = [](const Share& a, const Share& b) { return a.weight < b.weight; };
  return static_cast<std::size_t>(std::max_element(shares.begin(), shares.end(), lighter) -
                                  shares.begin());
}

/// With room for a quarter of the victim's lines it cannot be through with them while the
/// collector waits at the gate.
std::ptrdiff_t room(const Options& options, const Share& victim) {
  if (!options.kill_one) return kRoom;
  return static_cast<std::ptrdiff_t>(std::max<std::size_t>(count_lines(victim, 4 * kRoom) / 4, 1));
}

void end(shoal::Process& process) {
  process.terminate();
  if (process.join_for(kPatience)) return;
  process.kill();
  process.join();
}

}  // namespace

Crew::Crew(const Options& options, const Inputs& inputs)
    : options_(options),
      shares_(split(inputs.files, options.workers)),
      victim_(heaviest(shares_)),
      channels_{Records(room(options, shares_[victim_])), Reports(), shoal::Lock()},
      progress_(options.demo ? options.workers : inputs.files.size()) {}

Crew::~Crew() { progress_.clear(); }

void Crew::run() {
  try {
    CollectorOptions options{.output = options_.output, .timeout = options_.timeout};
    if (options_.kill_one) {
      options.pause_for = fmt::format("Worker-{}", victim_);
      channels_.gate.lock();
      gate_held_ = true;
    }
    {
      const KeepInterruptFromChildren kept;
      collector_.emplace(
          shoal::ProcessOptions{
              .name = "LogCollector", .daemon = true, .start_method = options_.start_method},
          collect, options, channels_);
      collector_->start();
    }
    for (const Share& share : shares_) start_member(share.tasks, nullptr);
    watch();
    finish();
  } catch (...) {
    stop();
    throw;
  }
}

void Crew::start_member(std::vector<Task> tasks, const Member* in_place_of) {
  const std::string name = fmt::format("Worker-{}", members_.size());
  const shoal::ProcessOptions options{
      .name = name, .daemon = true, .start_method = options_.start_method};
  shoal::Process process =
      options_.demo
          ? shoal::Process(options, demonstrate, name, options_.seconds, channels_.records)
          : shoal::Process(options, read_files, name, tasks, channels_.records);
  const KeepInterruptFromChildren kept;
  process.start();
  const int pid = process.pid().value_or(0);
  members_.push_back(
      {.name = name, .process = std::move(process), .tasks = std::move(tasks), .pid = pid});
  if (in_place_of == nullptr) return;
  members_.back().in_place_of = in_place_of->name;
  members_.back().fruitless = in_place_of->fruitless;
}

/// Until every worker is done, or its rest is.
void Crew::watch() {
  const auto settled = [](const Member& member) { return member.settled; };
  while (!std::all_of(members_.begin(), members_.end(), settled)) {
    take_report();
    check_collector();
    for (std::size_t i = 0; i < members_.size(); ++i)  // no iterator: a member may be added
      if (!members_[i].exitcode && !members_[i].process.is_alive()) settle(members_[i]);
  }
}

void Crew::settle(Member& member) {
  member.process.join();
  member.exitcode = member.process.exitcode();
  if (member.exitcode == 0) {
    member.settled = true;
    return;
  }
  Marker marker{member.name, {}};
  for (const Task& task : member.tasks) marker.files.push_back(task.file);
  send(std::move(marker));  // handle(Resume) goes on
}

void Crew::finish() {
  send(std::nullopt);
  while (!summary_) {
    take_report();
    if (!summary_) check_collector();
  }
  collector_->join();
  progress_.clear();
  if (gate_held_)
    fmt::print(stderr, "log_collector: nobody was killed: there was no line to read\n");
}

void Crew::stop() noexcept {
  try {
    forget_signal_handlers();
    if (gate_held_) channels_.gate.unlock();
    for (Member& member : members_)
      if (!member.exitcode) end(member.process);
    if (!collector_ || !collector_->pid() || !collector_->is_alive()) return;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    static_cast<void>(channels_.records.put_for(std::nullopt, kPatience));
    while (!summary_ && collector_->is_alive() && std::chrono::steady_clock::now() < deadline)
      take_report();
    end(*collector_);
  } catch (const std::exception& error) {
    fmt::print(stderr, "log_collector: while ending: {}\n", error.what());
  }
}

void Crew::take_report() {
  const std::optional<Report> report = channels_.reports.get_for(kPoll);
  if (report) std::visit([&](const auto& message) { handle(message); }, *report);
}

void Crew::send(const std::optional<Record>& item) {
  while (!channels_.records.put_for(item, kPoll)) check_collector();
}

void Crew::check_collector() {
  if (collector_->is_alive()) return;
  while (const std::optional<Report> report = channels_.reports.try_get())
    std::visit([&](const auto& message) { handle(message); }, *report);
  if (summary_) return;
  throw std::runtime_error("the collector failed: " +
                           collector_->exception().value_or(
                               fmt::format("exit code {}", collector_->exitcode().value_or(0))));
}

Member& Crew::named(const std::string& name) {
  return *std::find_if(members_.begin(), members_.end(),
                       [&](const Member& member) { return member.name == name; });
}

void Crew::handle(const Progress& progress) { progress_.show(progress); }

void Crew::handle(const Paused& paused) {
  shoal::Process& victim = named(paused.process).process;
  victim.kill();
  victim.join();
  channels_.gate.unlock();
  gate_held_ = false;
}

void Crew::handle(const Resume& resume) {
  Member& dead = named(resume.process);
  for (const FileState& file : resume.files)
    if (!file.finished) dead.left.push_back({file.file, file.lines});
  dead.settled = true;
  if (dead.left.empty()) return;
  dead.fruitless = dead.left == dead.tasks ? dead.fruitless + 1 : 0;
  if (dead.fruitless < kMostFruitless) {
    start_member(dead.left, &dead);
    dead.successor = members_.back().name;
  } else {
    for (const Task& task : dead.left) given_up_.push_back(task.file);
  }
}

void Crew::handle(const Summary& summary) { summary_ = summary; }

}  // namespace logs
