// The collector's account of what it received, which trusts no worker's count.
#pragma once

#include "messages.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace logs {

/// Of each file the lines must come as 1, 2, 3, ... up to the number that its end names, whoever
/// sends them: then none is lost and none doubled. All else is a fault.
class Ledger {
 public:
  void add(const Line& line);
  void add(const FileEnd& end);
  void add(const FileFailed& failed);
  void add_fault(std::string text);

  [[nodiscard]] Progress progress() const;
  [[nodiscard]] Resume resume(const Marker& marker) const;
  [[nodiscard]] Summary summary() const;

 private:
  static constexpr std::size_t kMostFaults = 20;  // that are described
  using Clock = std::chrono::steady_clock;
  struct File {
    std::int64_t lines = 0;
    bool finished = false;
  };
  struct Worker {
    std::int64_t lines = 0;
    std::int64_t bytes = 0;
    Clock::time_point first = {};
    Clock::time_point last = {};
  };

  void finish(const std::string& name, std::int64_t lines);

  std::map<std::string, File> files_;
  std::map<std::string, Worker> workers_;
  std::vector<std::pair<std::string, std::string>> failed_;
  std::vector<std::string> faults_;
  std::size_t more_faults_ = 0;
  std::int64_t lines_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t read_ = 0;
  std::int64_t finished_ = 0;
};

}  // namespace logs
