// What travels between the processes: plain dicts, so that the Python variant reads and writes the
// same. README.md lists them.
#pragma once

#include "dict_codec.hpp"

#include <shoal/lock.hpp>
#include <shoal/queue.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace logs {

// ---- to the collector ----

/// One line of a file, numbered from 1.
struct Line {
  std::string process;
  std::string message;    ///< the whole line, escaped
  std::string timestamp;  ///< "2025-11-21T23:52:54" with ".123456" where it is not 0, local time
  std::string level;      ///< DEBUG, INFO, WARNING, ERROR or CRITICAL
  std::string file;       ///< its path, escaped
  std::int64_t line = 0;
  std::int64_t size = 0;  ///< bytes in the file, with the newline

  static constexpr std::string_view kKind = "line";
  static constexpr auto kFields = std::tuple{Field{"process", &Line::process},
                                             Field{"message", &Line::message},
                                             Field{"timestamp", &Line::timestamp},
                                             Field{"level", &Line::level},
                                             Field{"file", &Line::file},
                                             Field{"line", &Line::line},
                                             Field{"size", &Line::size}};
};

/// Something that a worker has to say about itself: that it is done.
struct Note {
  std::string process;
  std::string message;
  std::string timestamp;

  static constexpr std::string_view kKind = "note";
  static constexpr auto kFields =
      std::tuple{Field{"process", &Note::process}, Field{"message", &Note::message},
                 Field{"timestamp", &Note::timestamp}};
};

/// A file was read to its end.
struct FileEnd {
  std::string process;
  std::string file;
  std::int64_t lines = 0;

  static constexpr std::string_view kKind = "end";
  static constexpr auto kFields =
      std::tuple{Field{"process", &FileEnd::process}, Field{"file", &FileEnd::file},
                 Field{"lines", &FileEnd::lines}};
};

/// A file could not be read, or not to its end.
struct FileFailed {
  std::string process;
  std::string file;
  std::int64_t lines = 0;  ///< that could be read
  std::string message;
  std::string timestamp;

  static constexpr std::string_view kKind = "failed";
  static constexpr auto kFields =
      std::tuple{Field{"process", &FileFailed::process}, Field{"file", &FileFailed::file},
                 Field{"lines", &FileFailed::lines}, Field{"message", &FileFailed::message},
                 Field{"timestamp", &FileFailed::timestamp}};
};

/// Put by the parent when `process` is dead and joined: all that it had put lies before this.
struct Marker {
  std::string process;
  std::vector<std::string> files;

  static constexpr std::string_view kKind = "marker";
  static constexpr auto kFields =
      std::tuple{Field{"process", &Marker::process}, Field{"files", &Marker::files}};
};

using Record = std::variant<Line, Note, FileEnd, FileFailed, Marker>;
/// None is the end signal.
using Records = shoal::Queue<std::optional<Record>>;

// ---- from the collector to the parent ----

struct Progress {
  std::int64_t lines = 0;
  std::int64_t bytes = 0;
  std::int64_t files = 0;  ///< ended or failed

  static constexpr std::string_view kKind = "progress";
  static constexpr auto kFields =
      std::tuple{Field{"lines", &Progress::lines}, Field{"bytes", &Progress::bytes},
                 Field{"files", &Progress::files}};
};

/// A line of `process` was received, and the collector waits at the gate.
struct Paused {
  std::string process;

  static constexpr std::string_view kKind = "paused";
  static constexpr auto kFields = std::tuple{Field{"process", &Paused::process}};
};

/// How much of a file has arrived. A tuple in Python.
struct FileState {
  std::string file;
  std::int64_t lines = 0;
  bool finished = false;  ///< nothing of it is to be read any more
};

/// The answer to a Marker, about its files.
struct Resume {
  std::string process;
  std::vector<FileState> files;

  static constexpr std::string_view kKind = "resume";
  static constexpr auto kFields =
      std::tuple{Field{"process", &Resume::process}, Field{"files", &Resume::files}};
};

/// What has arrived of one worker. A tuple in Python.
struct WorkerCount {
  std::int64_t lines = 0;
  std::int64_t bytes = 0;
  double seconds = 0;  ///< from its first line to its last
};

/// The collector's last word.
struct Summary {
  std::map<std::string, WorkerCount> workers;
  std::int64_t read = 0;     ///< lines, as those who came to the files' ends have counted them
  std::int64_t written = 0;  ///< lines of files that stand in the output
  std::int64_t files = 0;    ///< ended or failed
  std::vector<std::pair<std::string, std::string>> failed;  ///< file and reason
  std::vector<std::string> faults;  ///< gaps, doubles, records that are none

  static constexpr std::string_view kKind = "summary";
  static constexpr auto kFields =
      std::tuple{Field{"workers", &Summary::workers}, Field{"read", &Summary::read},
                 Field{"written", &Summary::written}, Field{"files", &Summary::files},
                 Field{"failed", &Summary::failed},   Field{"faults", &Summary::faults}};
};

using Report = std::variant<Progress, Paused, Resume, Summary>;
using Reports = shoal::Queue<Report>;

/// What the collector shares with its parent and the workers.
struct Channels {
  Records records;
  Reports reports;
  shoal::Lock gate;  ///< held by the parent until the victim of --kill-one is dead
};

}  // namespace logs

template <>
struct shoal::Codec<logs::Line> : logs::DictCodec<logs::Line> {};
template <>
struct shoal::Codec<logs::Note> : logs::DictCodec<logs::Note> {};
template <>
struct shoal::Codec<logs::FileEnd> : logs::DictCodec<logs::FileEnd> {};
template <>
struct shoal::Codec<logs::FileFailed> : logs::DictCodec<logs::FileFailed> {};
template <>
struct shoal::Codec<logs::Marker> : logs::DictCodec<logs::Marker> {};
template <>
struct shoal::Codec<logs::Progress> : logs::DictCodec<logs::Progress> {};
template <>
struct shoal::Codec<logs::Paused> : logs::DictCodec<logs::Paused> {};
template <>
struct shoal::Codec<logs::Resume> : logs::DictCodec<logs::Resume> {};
template <>
struct shoal::Codec<logs::Summary> : logs::DictCodec<logs::Summary> {};
