// Which files are read, and who reads which.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace logs {

/// A part of a file that is to be read. A tuple in Python.
struct Task {
  std::string file;       ///< its path, escaped
  std::int64_t skip = 0;  ///< lines at its beginning that have been received
  bool operator==(const Task&) const = default;
};

struct Input {
  std::string path;
  std::uintmax_t weight = 0;  ///< about what there is to read, in bytes
};

struct Inputs {
  std::vector<Input> files;    ///< none twice
  std::size_t unreadable = 0;  ///< files below directories that were passed over, and why
  std::size_t binary = 0;
};

/// `names` as they are, whatever they are, but for directories: of those the regular files in them
/// and below that may be read and are not binary (a NUL among the first 4096 bytes, and not
/// gzip'd). `output` is left out.
[[nodiscard]] Inputs find_inputs(const std::vector<std::string>& names, const std::string& output);

struct Share {
  std::vector<Task> tasks;
  std::uintmax_t weight = 0;
};

/// Largest file first, each to the share that has least so far.
[[nodiscard]] std::vector<Share> split(std::vector<Input> files, std::size_t shares);

/// Lines in a share, counted up to `most`.
[[nodiscard]] std::size_t count_lines(const Share& share, std::size_t most);

}  // namespace logs
