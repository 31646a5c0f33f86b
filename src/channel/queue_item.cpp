#include <array>
#include <shoal/queue_item.hpp>
#include <string>
#include <utility>

namespace shoal::detail {

std::optional<Numbers> numbers_in(std::span<const std::byte> record) noexcept {
  std::uint64_t word = 0;
  if (record.size() < sizeof word) return std::nullopt;
  std::memcpy(&word, record.data(), sizeof word);
  const Numbers numbers{NumberType(word), record.subspan(sizeof word)};
  bool known = false;
  with_number_of(numbers.type, [&](auto) { known = true; });
  if (!known || numbers.bytes.size() % numbers.type.size() != 0) return std::nullopt;
  return numbers;
}

Numbers sound_numbers_in(std::span<const std::byte> record) {
  if (const auto numbers = numbers_in(record)) return *numbers;
  throw PickleError("expected numbers, found other bytes");
}

void check_count(const Numbers& numbers, std::size_t count) {
  if (numbers.count() == count) return;
  throw PickleError("expected " + std::to_string(count) + " numbers, found " +
                    std::to_string(numbers.count()));
}

void check_bytes(std::size_t found, std::size_t expected) {
  if (found == expected) return;
  throw PickleError("expected " + std::to_string(expected) + " bytes, found " +
                    std::to_string(found));
}

Object object_of(std::span<const std::byte> bytes, Raw raw) {
  if (raw == Raw::kBundle) return pickle::load_bundle(bytes);
  if (raw == Raw::kBytes) return Object(Bytes(bytes.begin(), bytes.end()));
  const Numbers numbers = sound_numbers_in(bytes);
  List list;
  list.items.reserve(numbers.count());
  with_number_of(numbers.type, [&]<class Number>(Number number) {
    for (std::size_t i = 0; i < numbers.count(); ++i) {
      std::memcpy(&number, numbers.bytes.data() + i * sizeof number, sizeof number);
      list.items.emplace_back(widened(number));
    }
  });
  return Object(std::move(list));
}

}  // namespace shoal::detail
