// The segments this process has open, so that one that arrives again is not mapped twice.
#pragma once

#include <memory>

namespace shoal::shm {

class Segment;

/// The same file's segment that is already open here, or `fresh` itself, which is then known.
std::shared_ptr<Segment> registered(std::shared_ptr<Segment> fresh);

/// The segment open here that owns this very descriptor number, or nullptr.
std::shared_ptr<Segment> owner_of(int fd);

}  // namespace shoal::shm
