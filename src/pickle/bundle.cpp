#include "pickle/bundle.hpp"

#include <algorithm>
#include <cstring>
#include <shoal/error.hpp>
#include <shoal/pickle.hpp>

namespace shoal::pickle {
namespace {

constexpr std::array<std::byte, kBufferAlignment> kPadding{};

constexpr std::uint64_t aligned(std::uint64_t at) noexcept {
  return (at + kBufferAlignment - 1) / kBufferAlignment * kBufferAlignment;
}

constexpr std::uint64_t head_size(std::uint64_t buffers) noexcept {
  return sizeof(BundleHead) + buffers * sizeof(BundlePlace);
}

}  // namespace

BundleParts::BundleParts(std::span<const std::span<const std::byte>> buffers,
                         std::span<const std::byte> pickle) {
  std::uint64_t at = head_size(buffers.size());
  head_ = {buffers.size(), 0};
  head_.reserve(at / sizeof(std::uint64_t));
  parts_.reserve(2 * buffers.size() + 2);
  parts_.emplace_back();
  for (const auto& buffer : buffers) {
    const std::uint64_t begin = aligned(at);
    parts_.push_back(std::span(kPadding).first(begin - at));
    parts_.push_back(buffer);
    head_.push_back(begin);
    head_.push_back(buffer.size());
    at = begin + buffer.size();
  }
  head_[1] = at;
  parts_.push_back(pickle);
  parts_[0] = std::as_bytes(std::span(head_));
}

std::uint64_t write_around(std::span<std::byte> room, const BundlePlace& content,
                           std::span<const BundlePlace> places,
                           std::span<const std::byte> pickle) noexcept {
  const std::uint64_t end = content.begin + content.size;
  for (const auto& place : places) {
    if (place.begin < content.begin || place.begin + place.size > end) return 0;
  }
  if (head_size(places.size()) > content.begin || end > room.size() ||
      pickle.size() > room.size() - end) {
    return 0;
  }
  const BundleHead head{places.size(), end};
  std::memcpy(room.data(), &head, sizeof head);
  if (!places.empty()) {
    std::memcpy(room.data() + sizeof head, places.data(), places.size_bytes());
  }
  std::memcpy(room.data() + end, pickle.data(), pickle.size());
  return end + pickle.size();
}

std::optional<Bundle> Bundle::in(std::span<const std::byte> bytes) {
  BundleHead head;
  if (bytes.size() < sizeof head) return std::nullopt;
  std::memcpy(&head, bytes.data(), sizeof head);
  const std::uint64_t most = (bytes.size() - sizeof head) / sizeof(BundlePlace);
  if (head.buffers > most || head.pickle > bytes.size()) return std::nullopt;
  Bundle bundle;
  bundle.buffers_.reserve(head.buffers);
  for (std::uint64_t i = 0; i < head.buffers; ++i) {
    BundlePlace place;
    std::memcpy(&place, bytes.data() + head_size(i), sizeof place);
    if (place.begin > head.pickle || place.size > head.pickle - place.begin) return std::nullopt;
    bundle.buffers_.push_back(bytes.subspan(place.begin, place.size));
  }
  bundle.pickle_ = bytes.subspan(head.pickle);
  return bundle;
}

Object load_bundle(std::span<const std::byte> bundle, const Limits& limits) {
  const auto parts = Bundle::in(bundle);
  if (!parts) throw PickleError("a pickle with buffers of unknown form");
  return load(parts->pickle(), parts->buffers(), limits);
}

std::optional<std::span<const std::byte>> Bundle::lone() const noexcept {
  if (buffers_.size() != 1 || !std::ranges::equal(pickle_, kLonePickle)) return std::nullopt;
  return buffers_[0];
}

}  // namespace shoal::pickle
