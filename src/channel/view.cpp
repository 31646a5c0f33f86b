#include "channel/view.hpp"

#include <algorithm>
#include <shoal/numbers.hpp>
#include <shoal/pickle.hpp>

#include "pickle/bundle.hpp"

namespace shoal::channel {

bool ViewCore::take(os::Deadline deadline) {
  constexpr std::size_t kLeastRoom = 1024;
  copy_.resize_uninitialized(kLeastRoom);
  for (;;) {
    ring::Room room(std::span(copy_.data(), copy_.size()));
    room.in_place = true;
    switch (queue_->ring().get(room, record_, deadline)) {
      case ring::Get::kDone: return true;
      case ring::Get::kTooSmall: copy_.resize_uninitialized(record_.bytes); continue;
      default: return false;
    }
  }
}

std::optional<std::span<std::byte>> ViewCore::content() const {
  const std::span<const std::byte> all = record_.content
                                             ? std::span<const std::byte>(record_.content.bytes())
                                             : copy_.view().first(record_.bytes);
  std::span<const std::byte> found;
  if (record_.encoding == ring::Encoding::kBundle) {
    const auto bundle = pickle::Bundle::in(all);
    if (!bundle || bundle->buffers().size() != 1) return std::nullopt;
    found = bundle->buffers()[0];
  } else if (record_.encoding == ring::Encoding::kPickle) {
    const auto scalar = pickle::scan_scalar(all);
    if (!scalar || scalar->kind != Kind::bytes) return std::nullopt;
    found = scalar->bytes;
  } else if (record_.encoding == ring::Encoding::kNumbers) {
    const auto numbers = detail::numbers_in(all);
    if (!numbers) return std::nullopt;
    found = numbers->bytes;
  } else if (record_.encoding == ring::Encoding::kBytes) {
    found = all;
  } else {
    return std::nullopt;
  }
  return std::span(const_cast<std::byte*>(found.data()), found.size());  // ours, as all of it
}

}  // namespace shoal::channel
