#include "pickle/nesting.hpp"

#include "pickle/access.hpp"

#include <algorithm>
#include <vector>

namespace shoal::pickle {

namespace {
std::vector<const Object*> containers_in(const Object& object) {
  std::vector<const Object*> found;
  for_each_part(object, [&](const Object& part) {
    if (is_container(part.kind())) found.push_back(&part);
  });
  return found;
}

const void* key_of(const Object& object) { return ObjectAccess::node(object).get(); }

struct Frame {
  explicit Frame(const Object& of) : object(&of), parts(containers_in(of)) {}
  const Object* object;
  std::vector<const Object*> parts;
  std::size_t next = 0;
  std::size_t height = 1;
};
}  // namespace

Nesting measure_tree(const Object& root, std::size_t max_height) {
  if (!is_container(root.kind())) return Nesting::fine;
  std::vector<Frame> path;
  path.emplace_back(root);
  while (!path.empty()) {
    if (path.size() > max_height) return Nesting::too_deep;
    Frame& frame = path.back();
    if (frame.next == frame.parts.size()) path.pop_back();
    else path.emplace_back(*frame.parts[frame.next++]);
  }
  return Nesting::fine;
}

Nesting Heights::measure(const Object& root, std::size_t max_height) {
  if (!is_container(root.kind())) return Nesting::fine;
  std::vector<Frame> path;
  path.emplace_back(root);
  heights_[key_of(root)] = 0;
  while (true) {
    if (path.size() > max_height) return Nesting::too_deep;
    Frame& frame = path.back();
    if (frame.next < frame.parts.size()) {
      const Object& part = *frame.parts[frame.next++];
      const auto [known, is_new] = heights_.try_emplace(key_of(part), 0);
      if (is_new) {
        path.emplace_back(part);
        continue;
      }
      if (known->second == 0) return Nesting::recursive;
      frame.height = std::max(frame.height, known->second + 1);
    } else {
      const std::size_t height = frame.height;
      heights_[key_of(*frame.object)] = height;
      path.pop_back();
      if (path.empty()) return height > max_height ? Nesting::too_deep : Nesting::fine;
      path.back().height = std::max(path.back().height, height + 1);
    }
  }
}

bool Heights::met(const Object& object) const { return heights_.contains(key_of(object)); }

}  // namespace shoal::pickle
