// What the codecs' templates share.
#include <shoal/codec_containers.hpp>
#include <shoal/codec_scalars.hpp>

#include <string>
#include <utility>

namespace shoal::detail {

namespace {
[[noreturn]] void throw_out_of_range(const std::string& min, const std::string& max,
                                     const Object& found) {
  throw PickleError("expected an int from " + min + " to " + max + ", found " + describe(found));
}
}  // namespace

void decode_none(const Object& object) {
  if (!object.is_none()) throw_mismatch("None", object);
}

std::int64_t decode_signed(const Object& object, std::int64_t min, std::int64_t max) {
  if (const auto* const flag = object.get_if<bool>()) return *flag ? 1 : 0;
  const auto* const value = object.get_if<std::int64_t>();
  if (value != nullptr && min <= *value && *value <= max) return *value;
  if (value == nullptr && object.get_if<BigInt>() == nullptr) throw_mismatch("int", object);
  throw_out_of_range(std::to_string(min), std::to_string(max), object);
}

std::uint64_t decode_unsigned(const Object& object, std::uint64_t max) {
  if (const auto* const flag = object.get_if<bool>()) return *flag ? 1 : 0;
  std::optional<std::uint64_t> value;
  if (const auto* const small = object.get_if<std::int64_t>()) {
    if (*small >= 0) value = static_cast<std::uint64_t>(*small);
  } else {
    const auto* const big = object.get_if<BigInt>();
    if (big == nullptr) throw_mismatch("int", object);
    value = big->to_uint64();
  }
  if (!value || *value > max) throw_out_of_range("0", std::to_string(max), object);
  return *value;
}

double decode_real(const Object& object) {
  if (const auto* const value = object.get_if<double>()) return *value;
  if (const auto* const flag = object.get_if<bool>()) return *flag ? 1 : 0;
  if (const auto* const small = object.get_if<std::int64_t>()) return static_cast<double>(*small);
  const auto* const big = object.get_if<BigInt>();
  const std::optional<double> value = big != nullptr ? big->to_double() : std::nullopt;
  if (!value) throw_mismatch("float", object);
  return *value;
}

double check_duration(double count, double min, double max) {
  if (count >= min && count < max) return count;
  throw PickleError("expected a duration in range, found " + repr(Object(count)) + " ticks");
}

std::span<const Object> list_items(const Object& object) {
  if (const auto* const tuple = object.get_if<Tuple>()) return tuple->items;
  return object.get<List>().items;
}

std::span<const Object> tuple_items(const Object& object, std::size_t count) {
  const auto* const list = object.get_if<List>();
  const std::span<const Object> items = list != nullptr ? list->items : object.get<Tuple>().items;
  if (items.size() == count) return items;
  throw PickleError("expected " + std::to_string(count) + " items, found " +
                    std::to_string(items.size()) + ": " + describe(object));
}

std::span<const Object> set_items(const Object& object) {
  if (const auto* const frozenset = object.get_if<FrozenSet>()) return frozenset->items;
  return object.get<Set>().items;
}

}  // namespace shoal::detail
