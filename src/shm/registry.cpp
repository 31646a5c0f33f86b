#include "shm/registry.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <tuple>

#include "os/fork_mutex.hpp"
#include "shm/segment.hpp"

namespace shoal::shm {
namespace {

// Device, inode and id. The id alone would take a copy of a file for the file; the inode alone may
// be used again, and is not unique among anonymous files for all time.
using Key = std::tuple<std::uint64_t, std::uint64_t, std::array<std::uint64_t, 2>>;

Key key_of(const Segment& segment) {
  const os::FileFacts facts = os::facts_of(segment.file());
  return {facts.device, facts.inode, segment.id()};
}

struct Registry {
  std::map<Key, std::weak_ptr<Segment>> segments;
  std::size_t clean_from = 64;  // entries at which those of closed segments are looked for

  void clean() {
    if (segments.size() < clean_from) return;
    std::erase_if(segments, [](const auto& entry) { return entry.second.expired(); });
    clean_from = 2 * segments.size() + 64;
  }
};

// Never destroyed: handles may outlive static objects.
Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

}  // namespace

std::shared_ptr<Segment> registered(std::shared_ptr<Segment> fresh) {
  const Key key = key_of(*fresh);
  const std::lock_guard guard(os::fork_mutex<Registry>());
  Registry& known = registry();
  known.clean();
  auto& entry = known.segments[key];
  if (auto open = entry.lock()) return open;
  entry = fresh;
  return fresh;
}

std::shared_ptr<Segment> owner_of(int fd) {
  const std::lock_guard guard(os::fork_mutex<Registry>());
  for (const auto& [key, segment] : registry().segments) {
    if (auto open = segment.lock(); open != nullptr && open->fd() == fd) return open;
  }
  return nullptr;
}

}  // namespace shoal::shm
