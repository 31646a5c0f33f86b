// The parent's part: starts the collector and the workers, and sees to it that all is read.
#pragma once

#include "collector.hpp"
#include "inputs.hpp"
#include "messages.hpp"
#include "options.hpp"
#include "progress.hpp"

#include <shoal/process.hpp>

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace logs {

/// A worker, as the parent knows it.
struct Member {
  std::string name;
  shoal::Process process;
  std::vector<Task> tasks;
  int pid = 0;
  int fruitless = 0;                 ///< how many have died over these tasks, no line received
  std::optional<int> exitcode = {};  ///< once it was joined
  bool settled = false;              ///< done, or dead and its rest handed on
  std::string in_place_of = {};
  std::string successor = {};
  std::vector<Task> left = {};  ///< what it had not read when it died
};

/// One run. Any worker that dies is replaced: when it was joined, a Marker is put behind all that
/// it had put; the collector's answer says up to which line each of its files has arrived, and
/// another worker goes on from there. --kill-one merely lets that happen.
///
/// For one thread. When a member function throws, the workers and the collector have been ended.
class Crew {
 public:
  Crew(const Options& options, const Inputs& inputs);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Until all is written. Throws shoal::Interrupted after a signal, and std::runtime_error where
  /// the collector failed.
  void run();

  [[nodiscard]] const std::deque<Member>& members() const { return members_; }
  [[nodiscard]] const std::optional<Summary>& summary() const { return summary_; }
  /// Files that nobody could read because whoever tried died.
  [[nodiscard]] const std::vector<std::string>& given_up() const { return given_up_; }

 private:
  void start_member(std::vector<Task> tasks, const Member* in_place_of);
  void watch();
  void finish();
  void stop() noexcept;
  void take_report();
  void settle(Member& member);
  void send(const std::optional<Record>& item);
  void check_collector();
  Member& named(const std::string& name);

  void handle(const Progress& progress);
  void handle(const Paused& paused);
  void handle(const Resume& resume);
  void handle(const Summary& summary);

  Options options_;
  std::vector<Share> shares_;
  std::size_t victim_ = 0;  // the share with most to read
  Channels channels_;
  bool gate_held_ = false;
  std::optional<shoal::Process> collector_;
  std::deque<Member> members_;  // a deque: references stay when one is added
  std::optional<Summary> summary_;
  std::vector<std::string> given_up_;
  ProgressLine progress_;
};

}  // namespace logs
