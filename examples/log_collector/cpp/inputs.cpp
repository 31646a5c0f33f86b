#include "inputs.hpp"

#include "escape.hpp"
#include "line_reader.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace logs {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kGzipWeight = 8;  // logs become about that much smaller

enum class Content { kText, kGzip, kBinary };

Content look_at(const fs::path& path) {
  std::array<char, 4096> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), bytes.size());
  const std::string_view head(bytes.data(), static_cast<std::size_t>(file.gcount()));
  if (head.starts_with("\x1f\x8b")) return Content::kGzip;
  return head.find('\0') == std::string_view::npos ? Content::kText : Content::kBinary;
}

/// Collects files, each once, by its real path.
class Finder {
 public:
  explicit Finder(const std::string& output) { seen_.insert(real(output)); }

  void add_named(const fs::path& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) add(path);
    else add_below(path);
  }

  Inputs take() { return std::move(inputs_); }

 private:
  static fs::path real(const fs::path& path) {
    std::error_code error;
    const fs::path found = fs::weakly_canonical(path, error);
    return error ? path : found;
  }

  void add(const fs::path& path) {
    if (!seen_.insert(real(path)).second) return;
    std::error_code error;
    std::uintmax_t size = fs::is_regular_file(path, error) ? fs::file_size(path, error) : 0;
    if (error) size = 0;
    if (size > 0 && look_at(path) == Content::kGzip) size *= kGzipWeight;
    inputs_.files.push_back({path.string(), size});
  }

  void add_below(const fs::path& directory) {
    std::error_code error;
    const auto options = fs::directory_options::skip_permission_denied;
    fs::recursive_directory_iterator entry(directory, options, error);
    if (error || ::access(directory.c_str(), R_OK | X_OK) != 0) return add(directory);
    std::vector<fs::path> found;
    for (; entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      if (error) break;
      if (!entry->is_symlink(error) && entry->is_regular_file(error)) found.push_back(*entry);
    }
    std::sort(found.begin(), found.end());
    for (const fs::path& path : found) {
      if (::access(path.c_str(), R_OK) != 0) ++inputs_.unreadable;
      else if (look_at(path) == Content::kBinary) ++inputs_.binary;
      else add(path);
    }
  }

  Inputs inputs_;
  std::set<fs::path> seen_;
};

}  // namespace

Inputs find_inputs(const std::vector<std::string>& names, const std::string& output) {
  Finder finder(output);
  for (const std::string& name : names) finder.add_named(name);
  return finder.take();
}

std::vector<Share> split(std::vector<Input> files, std::size_t shares) {
  std::sort(files.begin(), files.end(), [](const Input& a, const Input& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.path < b.path;
  });
  std::vector<Share> result(shares);
  for (const Input& file : files) {
    Share& least =
        *std::min_element(result.begin(), result.end(),
                          [](const Share& a, const Share& b) { return a.weight < b.weight; });
    least.tasks.push_back({escape(file.path), 0});
    least.weight += std::max<std::uintmax_t>(file.weight, 1);
  }
  return result;
}

std::size_t count_lines(const Share& share, std::size_t most) {
  std::size_t count = 0;
  for (const Task& task : share.tasks) {
    try {
      LineReader reader(unescape(task.file));
      while (count < most && reader.next()) ++count;
    } catch (const ReadError&) {  // the worker will say it
    }
  }
  return count;
}

}  // namespace logs
