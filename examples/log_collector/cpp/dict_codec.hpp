// A struct as a Python dict: {"kind": T::kKind, "name": value, ...}.
#pragma once

#include <shoal/codec.hpp>

#include <string>
#include <string_view>
#include <tuple>

namespace logs {

template <class T, class Value>
struct Field {
  std::string_view key;
  Value T::* member;
};

/// For a struct with `kKind` and `static constexpr auto kFields = std::tuple{Field{...}, ...}`.
/// Reading throws PickleError where the dict is of another kind or lacks a key; keys that the
/// struct does not know are passed over.
template <class T>
struct DictCodec {
  static void encode(shoal::pickle::Encoder& encoder, const T& value) {
    encoder.begin_dict();
    encoder.str("kind");
    encoder.str(T::kKind);
    std::apply([&](const auto&... field) { (encode_field(encoder, value, field), ...); },
               T::kFields);
    encoder.end_dict();
  }

  static T decode(const shoal::Object& object) {
    const auto& dict = object.get<shoal::Dict>();
    if (at(dict, "kind").template get<std::string>() != T::kKind)
      shoal::throw_mismatch("a dict of kind " + std::string(T::kKind), object);
    T value;
    std::apply([&](const auto&... field) { (decode_field(dict, value, field), ...); }, T::kFields);
    return value;
  }

 private:
  template <class Value>
  static void encode_field(shoal::pickle::Encoder& encoder, const T& value,
                           const Field<T, Value>& field) {
    encoder.str(field.key);
    shoal::encode(encoder, value.*field.member);
  }

  template <class Value>
  static void decode_field(const shoal::Dict& dict, T& value, const Field<T, Value>& field) {
    value.*field.member = shoal::decode<Value>(at(dict, field.key));
  }

  static const shoal::Object& at(const shoal::Dict& dict, std::string_view key) {
    if (const shoal::Object* const found = dict.find(key)) return *found;
    throw shoal::PickleError("a record of kind " + std::string(T::kKind) + " has no '" +
                             std::string(key) + "'");
  }
};

}  // namespace logs
