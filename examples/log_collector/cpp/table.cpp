#include "table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <string_view>
#include <vector>

namespace logs {
namespace {

using Row = std::array<std::string, 6>;

constexpr std::size_t kNamed = 3;  // files that are named, of many

std::string cause_of_death(int exitcode) {
  if (exitcode >= 0) return fmt::format("ended with code {}", exitcode);
  const char* const name = ::sigabbrev_np(-exitcode);
  return name != nullptr ? fmt::format("killed by SIG{}", name)
                         : fmt::format("killed by signal {}", -exitcode);
}

/// "a.log from line 813, b.log"
std::string describe(const std::vector<Task>& tasks) {
  std::string text;
  for (std::size_t i = 0; i < tasks.size() && i < kNamed; ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", tasks[i].file);
    if (tasks[i].skip > 0) text += fmt::format(" from line {}", grouped(tasks[i].skip + 1));
  }
  if (tasks.size() > kNamed) text += fmt::format(" and {} more", tasks.size() - kNamed);
  return text;
}

std::string state_of(const Member& member, const Summary& summary) {
  if (!member.exitcode) return "running";
  if (*member.exitcode == 0)
    return member.in_place_of.empty() ? "done" : "done, in place of " + member.in_place_of;
  std::string text = cause_of_death(*member.exitcode);
  if (member.left.empty()) return text + ", nothing left to read";
  text += ", had not read " + describe(member.left);
  if (member.successor.empty()) return text;
  const auto successor = summary.workers.find(member.successor);
  const std::int64_t lines = successor == summary.workers.end() ? 0 : successor->second.lines;
  return text + fmt::format(": {} lines, by {}", grouped(lines), member.successor);
}

Row make_row(const std::string& name, const std::string& pid, const WorkerCount& count,
             std::string state) {
  // What came within a millisecond has no speed worth a number.
  const std::string speed =
      count.seconds < 1e-3
          ? "-"
          : grouped(static_cast<std::int64_t>(static_cast<double>(count.lines) / count.seconds));
  return {name, pid, grouped(count.lines), grouped(count.bytes), speed, std::move(state)};
}

std::vector<Row> make_rows(const Crew& crew, const Summary& summary) {
  std::vector<Row> rows = {{"worker", "pid", "lines", "bytes", "lines/s", "state"}};
  WorkerCount total;
  for (const Member& member : crew.members()) {
    const auto found = summary.workers.find(member.name);
    const WorkerCount count = found == summary.workers.end() ? WorkerCount{} : found->second;
    total.lines += count.lines;
    total.bytes += count.bytes;
    total.seconds = std::max(total.seconds, count.seconds);
    rows.push_back(
        make_row(member.name, std::to_string(member.pid), count, state_of(member, summary)));
  }
  rows.push_back(make_row("total", "", total, ""));
  return rows;
}

void print(const std::vector<Row>& rows) {
  std::array<std::size_t, 6> width{};
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) width[i] = std::max(width[i], row[i].size());
  for (const Row& row : rows) {
    std::string line = fmt::format("{:<{}}", row[0], width[0]);
    for (std::size_t i = 1; i + 1 < row.size(); ++i)
      line += fmt::format("  {:>{}}", row[i], width[i]);
    if (!row[5].empty()) line += "  " + row[5];
    fmt::print("{}\n", line);
  }
}

}  // namespace

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  for (std::ptrdiff_t at = std::ssize(text) - 3; at > (number < 0 ? 1 : 0); at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

bool print_result(const Crew& crew, const Inputs& inputs, std::size_t files) {
  const Summary summary = crew.summary().value_or(Summary{});
  print(make_rows(crew, summary));
  if (inputs.unreadable + inputs.binary > 0)
    fmt::print("passed over below directories: {} binary, {} unreadable\n", inputs.binary,
               inputs.unreadable);
  for (const auto& [file, reason] : summary.failed)
    fmt::print("could not be read: {}: {}\n", file, reason);
  for (const std::string& file : crew.given_up())
    fmt::print("could not be read: {}: whoever tried died\n", file);
  const std::size_t failed = summary.failed.size() + crew.given_up().size();
  if (failed > 0) fmt::print("{} of {} files could not be read\n", failed, files);

  for (const std::string& fault : summary.faults) fmt::print("fault: {}\n", fault);
  const bool whole = summary.read == summary.written && summary.faults.empty() &&
                     static_cast<std::size_t>(summary.files) + crew.given_up().size() == files;
  fmt::print("{} lines read, {} lines written, each file's lines once and in order: {}\n",
             grouped(summary.read), grouped(summary.written), whole ? "yes" : "NO");
  return whole && failed == 0;
}

}  // namespace logs
