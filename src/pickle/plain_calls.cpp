#include "pickle/plain_calls.hpp"

#include "pickle/utf8.hpp"

#include <optional>

namespace shoal::pickle {

namespace {
bool is_latin1_name(const Object& object) {
  const auto* const name = object.get_if<std::string>();
  return name != nullptr && (*name == "latin1" || *name == "latin-1");
}

std::optional<Bytes> encode_latin1(const Object& object) {
  const auto* const text = object.get_if<std::string>();
  if (text == nullptr) return std::nullopt;
  Bytes bytes;
  bytes.reserve(text->size());
  for (std::size_t position = 0; position < text->size();) {
    const std::optional<char32_t> point = next_code_point(*text, position);
    if (!point || *point > 0xff) return std::nullopt;
    bytes.push_back(static_cast<std::byte>(*point));
  }
  return bytes;
}

/// (), (bytes,) or (str, "latin-1").
std::optional<Bytes> bytes_of(const std::vector<Object>& args) {
  if (args.empty()) return Bytes();
  if (args.size() == 2 && is_latin1_name(args[1])) return encode_latin1(args[0]);
  const Bytes* const bytes = args.size() == 1 ? args[0].get_if<Bytes>() : nullptr;
  return bytes != nullptr ? std::optional(*bytes) : std::nullopt;
}

/// () or ([...],).
std::optional<std::vector<Object>> items_of(const std::vector<Object>& args) {
  if (args.empty()) return std::vector<Object>();
  const List* const list = args.size() == 1 ? args[0].get_if<List>() : nullptr;
  return list != nullptr ? std::optional(list->items) : std::nullopt;
}

PlainValue complex_of(const std::vector<Object>& args) {
  if (args.size() != 2) return {};
  const auto* const real = args[0].get_if<double>();
  const auto* const imaginary = args[1].get_if<double>();
  if (real == nullptr || imaginary == nullptr) return {};
  return std::complex<double>(*real, *imaginary);
}

PlainValue builtin_result(const std::string& name, const std::vector<Object>& args) {
  if (name == "complex") return complex_of(args);
  if (name == "bytes" || name == "bytearray") {
    std::optional<Bytes> bytes = bytes_of(args);
    if (!bytes) return {};
    if (name == "bytes") return *std::move(bytes);
    return ByteArray{*std::move(bytes)};
  }
  if (name == "set" || name == "frozenset") {
    std::optional<std::vector<Object>> items = items_of(args);
    if (!items) return {};
    if (name == "set") return Set{*std::move(items)};
    return FrozenSet{*std::move(items)};
  }
  return {};
}
}  // namespace

PlainValue plain_result(const Global& callable, const Tuple& args) {
  if (callable.module == "builtins") return builtin_result(callable.name, args.items);
  const bool encode = callable.module == "_codecs" && callable.name == "encode";
  if (!encode || args.items.size() != 2) return {};
  std::optional<Bytes> bytes = bytes_of(args.items);
  return bytes ? PlainValue(*std::move(bytes)) : PlainValue();
}

}  // namespace shoal::pickle
