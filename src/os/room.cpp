// How much memory is left: the machine's, and that of this process's memory cgroup and all above.
#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "os/memory.hpp"

namespace shoal::os {
namespace {

std::optional<std::uint64_t> read_number(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;  // no such file, or "max"
}

// The value after `key` in a file of "key value" lines.
std::optional<std::uint64_t> read_entry(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string word; file >> word;) {
    std::uint64_t value = 0;
    if (word == key && file >> value) return value;
  }
  return std::nullopt;
}

struct Files {
  const char* limit;
  const char* usage;
  const char* reclaimable;  // a key of memory.stat: page cache that gives way
};
constexpr Files kVersion2{"memory.max", "memory.current", "inactive_file"};
constexpr Files kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

const MemoryLeft& less(const MemoryLeft& a, const MemoryLeft& b) noexcept {
  return b.bytes < a.bytes ? b : a;
}

MemoryLeft left_in_group(const std::string& folder, const Files& files) {
  const auto limit = read_number(folder + "/" + files.limit);
  const auto usage = read_number(folder + "/" + files.usage);
  if (!limit || !usage) return {};
  const std::uint64_t cache = read_entry(folder + "/memory.stat", files.reclaimable).value_or(0);
  const std::uint64_t used = *usage - std::min(cache, *usage);
  return {*limit - std::min(used, *limit), *limit, "the memory cgroup"};
}

MemoryLeft left_in_group_and_above(const std::string& root, std::string path, const Files& files) {
  MemoryLeft left;
  for (;;) {
    left = less(left, left_in_group(root + path, files));
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) return left;
    path.resize(slash);
  }
}

// Lines of /proc/self/cgroup: "0::/path" (version 2) or "N:memory:/path" (version 1).
MemoryLeft left_in_groups() {
  std::ifstream file("/proc/self/cgroup");
  MemoryLeft left;
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      left = less(left, left_in_group_and_above("/sys/fs/cgroup", path, kVersion2));
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      left = less(left, left_in_group_and_above("/sys/fs/cgroup/memory", path, kVersion1));
    }
  }
  return left;
}

MemoryLeft left_on_machine() {
  const auto left = read_entry("/proc/meminfo", "MemAvailable:");
  if (!left) return {};
  const auto all = read_entry("/proc/meminfo", "MemTotal:");
  return {*left * 1024, all.value_or(*left) * 1024, "the machine"};
}

}  // namespace

MemoryLeft memory_left() noexcept {
  try {
    return less(left_on_machine(), left_in_groups());
  } catch (...) {
    return {};  // unknown: fallocate has the last word
  }
}

}  // namespace shoal::os
