// Where in the segment there is memory, and where there is room for more. Under the producers'
// lock.
#include <algorithm>
#include <shoal/error.hpp>
#include <string>

#include "os/clock.hpp"
#include "ring/ring.hpp"

namespace shoal::ring {

// All that the tables name, by their place. The first is what a ring has in any case: its words,
// its first block, and the table of extents.
std::vector<Area> Ring::areas() const {
  std::vector<Area> areas{{0, extents_.table_end()}};
  for (const auto& block : std::span(words_.blocks).subspan(1)) {
    const auto size = block.size.load(std::memory_order_relaxed);
    const auto begin = block.offset.load(std::memory_order_relaxed);
    if (size != 0) areas.push_back({begin, begin + size});
  }
  for (std::size_t i = 0; i < extents_.count(); ++i) {
    if (const auto area = extents_.area(i)) areas.push_back(*area);
  }
  std::ranges::sort(areas, {}, &Area::begin);
  return areas;
}

// The first that is large enough.
Area Ring::find_gap(std::uint64_t size) const {
  std::uint64_t begin = 0;
  for (const Area& area : areas()) {
    if (area.begin >= begin && area.begin - begin >= size) break;
    begin = std::max(begin, area.end);
  }
  if (size > kMostBytes || (begin + size) / kUnit > Position::kUnitMask) {
    throw OutOfMemory(segment_->label() + " has reached the largest size of a segment, 512 GiB");
  }
  return {begin, begin + size};
}

// Before it is taken: killed in between, it is looked for in vain once.
void Ring::takes_memory(std::uint64_t more) noexcept {
  words_.grown_at.store(os::coarse_now().count(), std::memory_order_relaxed);
  words_.more.store(words_.more.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

// One that has no limit of its own takes half of the memory there is, so that others can go on and
// say what is wrong. What free extents have goes before that is reached.
void Ring::ask_for_share(std::uint64_t more) {
  if (max_bytes_ != 0) return;
  try {
    check_share(more);
  } catch (const OutOfMemory&) {
    if (give_back_free(shm::kExtents) == 0) throw;
    check_share(more);
  }
}

void Ring::check_share(std::uint64_t more) const {
  const os::MemoryLeft left = os::memory_left();
  std::uint64_t has = 0;
  for (const Area& area : areas()) has += area.size();
  const std::uint64_t most = has / 2 + left.bytes / 2;
  if (has + more <= most) return;
  throw OutOfMemory(segment_->label() + " has " + std::to_string(has) +
                    " bytes of shared memory and cannot take " + std::to_string(more) +
                    " more: its limit is half of what " + left.whose + " had left, " +
                    std::to_string(most) + " bytes; with max_bytes, put waits instead");
}

}  // namespace shoal::ring
