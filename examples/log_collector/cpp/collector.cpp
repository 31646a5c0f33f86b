#include "collector.hpp"

#include "ledger.hpp"
#include "log_file.hpp"
#include "parent.hpp"
#include "recognise.hpp"

#include <fmt/format.h>

#include <chrono>
#include <mutex>
#include <utility>
#include <variant>

namespace logs {
namespace {

using namespace std::chrono_literals;

class Collector {
 public:
  Collector(CollectorOptions options, Channels channels)
      : options_(std::move(options)), channels_(std::move(channels)), log_(options_.output) {}

  void run() {
    bool more = true;
    while (more) {
      try {
        more = handle_next();
      } catch (const shoal::PickleError& error) {
        log_.write(now(), "ERROR", fmt::format("日志收集出错: {}", error.what()));
        ledger_.add_fault(error.what());
      }
    }
    log_.flush();
    channels_.reports.put(ledger_.summary());
  }

 private:
  /// False at the end.
  bool handle_next() {
    std::optional<std::optional<Record>> item = channels_.records.try_get();
    if (!item) {
      log_.flush();
      item = channels_.records.get_for(std::chrono::duration<double>(options_.timeout));
    }
    if (!item) return survive_timeout();
    if (!*item) {
      log_.write(now(), "INFO", "日志收集器正在关闭...");
      return false;
    }
    std::visit([&](const auto& record) { handle(record); }, **item);
    return true;
  }

  bool survive_timeout() {
    log_.write(now(), "ERROR",
               fmt::format("日志收集出错: Empty ({:g} 秒内没有日志)", options_.timeout));
    return !parent_.is_gone();
  }

  void handle(const Line& line) {
    log_.write(line.timestamp, line.level, fmt::format("[{}] {}", line.process, line.message));
    ledger_.add(line);
    report_progress();
    if (line.process == options_.pause_for) pause();
  }

  void handle(const Note& note) {
    log_.write(note.timestamp, "INFO", fmt::format("[{}] {}", note.process, note.message));
  }

  void handle(const FileEnd& end) { ledger_.add(end); }

  void handle(const FileFailed& failed) {
    log_.write(failed.timestamp, "ERROR",
               fmt::format("[{}] {}: {}", failed.process, failed.file, failed.message));
    ledger_.add(failed);
  }

  void handle(const Marker& marker) { channels_.reports.put(ledger_.resume(marker)); }

  void report_progress() {
    const auto time = std::chrono::steady_clock::now();
    if (time - reported_ < 100ms) return;
    reported_ = time;
    channels_.reports.put(ledger_.progress());
  }

  void pause() {
    channels_.reports.put(Paused{std::exchange(options_.pause_for, {})});
    const std::lock_guard passed(channels_.gate);
  }

  CollectorOptions options_;
  Channels channels_;
  LogFile log_;
  Ledger ledger_;
  Parent parent_;
  std::chrono::steady_clock::time_point reported_ = std::chrono::steady_clock::now();
};

}  // namespace

void collect(CollectorOptions options, Channels channels) {
  forget_signal_handlers();
  Collector(std::move(options), std::move(channels)).run();
}

}  // namespace logs
