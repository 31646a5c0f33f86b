#include "ledger.hpp"

#include <fmt/format.h>

#include <utility>

namespace logs {

void Ledger::add(const Line& line) {
  File& file = files_[line.file];
  if (line.line != file.lines + 1 || file.finished)
    add_fault(fmt::format("{}: line {} after line {}{}", line.file, line.line, file.lines,
                          file.finished ? ", its last" : ""));
  file.lines = line.line;
  ++lines_;
  bytes_ += line.size;

  Worker& worker = workers_[line.process];
  worker.last = Clock::now();
  if (worker.lines++ == 0) worker.first = worker.last;
  worker.bytes += line.size;
}

void Ledger::add(const FileEnd& end) { finish(end.file, end.lines); }

void Ledger::add(const FileFailed& failed) {
  finish(failed.file, failed.lines);
  failed_.emplace_back(failed.file, failed.message);
}

void Ledger::finish(const std::string& name, std::int64_t lines) {
  File& file = files_[name];
  if (file.finished) add_fault(fmt::format("{}: ended twice", name));
  if (file.lines != lines)
    add_fault(fmt::format("{}: {} lines read, {} received", name, lines, file.lines));
  file.finished = true;
  ++finished_;
  read_ += lines;
}

void Ledger::add_fault(std::string text) {
  if (faults_.size() < kMostFaults) faults_.push_back(std::move(text));
  else ++more_faults_;
}

Progress Ledger::progress() const { return {lines_, bytes_, finished_}; }

Resume Ledger::resume(const Marker& marker) const {
  Resume answer{marker.process, {}};
  for (const std::string& name : marker.files) {
    const auto found = files_.find(name);
    const File file = found == files_.end() ? File{} : found->second;
    answer.files.push_back({name, file.lines, file.finished});
  }
  return answer;
}

Summary Ledger::summary() const {
  Summary summary{.workers = {},
                  .read = read_,
                  .written = lines_,
                  .files = finished_,
                  .failed = failed_,
                  .faults = faults_};
  if (more_faults_ > 0) summary.faults.push_back(fmt::format("{} more", more_faults_));
  for (const auto& [name, worker] : workers_) {
    const std::chrono::duration<double> time = worker.last - worker.first;
    summary.workers[name] = {worker.lines, worker.bytes, time.count()};
  }
  return summary;
}

}  // namespace logs
