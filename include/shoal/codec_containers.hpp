// Codecs of the standard containers, and of optional, variant, pair and tuple.
#pragma once

#include <shoal/codec_base.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace shoal {

namespace detail {
/// The items of a list or a tuple.
std::span<const Object> list_items(const Object& object);
/// The same of a list or a tuple of `count` items.
std::span<const Object> tuple_items(const Object& object, std::size_t count);
/// The items of a set or a frozenset.
std::span<const Object> set_items(const Object& object);

/// A list. A tuple is read as well.
template <class Container>
struct SequenceCodec {
  using Item = typename Container::value_type;
  static void encode(pickle::Encoder& encoder, const Container& values) {
    encoder.begin_list();
    for (const auto& value : values) shoal::encode<Item>(encoder, value);
    encoder.end_list();
  }
  static Container decode(const Object& object) {
    const std::span<const Object> items = list_items(object);
    Container values;
    if constexpr (requires { values.reserve(items.size()); }) values.reserve(items.size());
    for (const Object& item : items) values.push_back(shoal::decode<Item>(item));
    return values;
  }
};

/// A set. A frozenset is read as well.
template <class Container>
struct SetCodec {
  using Item = typename Container::value_type;
  static void encode(pickle::Encoder& encoder, const Container& values) {
    encoder.begin_set();
    for (const Item& value : values) shoal::encode<Item>(encoder, value);
    encoder.end_set();
  }
  static Container decode(const Object& object) {
    Container values;
    for (const Object& item : set_items(object)) values.insert(shoal::decode<Item>(item));
    return values;
  }
};

/// A dict. Of equal keys the last counts.
template <class Container>
struct DictCodec {
  using Key = typename Container::key_type;
  using Value = typename Container::mapped_type;
  static void encode(pickle::Encoder& encoder, const Container& values) {
    encoder.begin_dict();
    for (const auto& [key, value] : values) {
      shoal::encode<Key>(encoder, key);
      shoal::encode<Value>(encoder, value);
    }
    encoder.end_dict();
  }
  static Container decode(const Object& object) {
    Container values;
    for (const auto& [key, value] : object.get<Dict>().items)
      values.insert_or_assign(shoal::decode<Key>(key), shoal::decode<Value>(value));
    return values;
  }
};

/// A tuple of a fixed number of items. A list is read as well.
template <class Tuple>
struct TupleCodec {
  static constexpr std::size_t kSize = std::tuple_size_v<Tuple>;
  static void encode(pickle::Encoder& encoder, const Tuple& values) {
    encoder.begin_tuple();
    std::apply([&](const auto&... value) { (shoal::encode(encoder, value), ...); }, values);
    encoder.end_tuple();
  }
  static Tuple decode(const Object& object) {
    const std::span<const Object> items = tuple_items(object, kSize);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return Tuple{shoal::decode<std::tuple_element_t<I, Tuple>>(items[I])...};
    }(std::make_index_sequence<kSize>());
  }
};
}  // namespace detail

template <class T, class A>
struct Codec<std::vector<T, A>> : detail::SequenceCodec<std::vector<T, A>> {};
template <class T, class A>
struct Codec<std::deque<T, A>> : detail::SequenceCodec<std::deque<T, A>> {};
template <class T, class A>
struct Codec<std::list<T, A>> : detail::SequenceCodec<std::list<T, A>> {};

template <class T, class... Rest>
struct Codec<std::set<T, Rest...>> : detail::SetCodec<std::set<T, Rest...>> {};
template <class T, class... Rest>
struct Codec<std::unordered_set<T, Rest...>> : detail::SetCodec<std::unordered_set<T, Rest...>> {};

template <class K, class V, class... Rest>
struct Codec<std::map<K, V, Rest...>> : detail::DictCodec<std::map<K, V, Rest...>> {};
template <class K, class V, class... Rest>
struct Codec<std::unordered_map<K, V, Rest...>>
    : detail::DictCodec<std::unordered_map<K, V, Rest...>> {};

template <class A, class B>
struct Codec<std::pair<A, B>> : detail::TupleCodec<std::pair<A, B>> {};
template <class... Ts>
struct Codec<std::tuple<Ts...>> : detail::TupleCodec<std::tuple<Ts...>> {};

/// A list of exactly N items. A tuple is read as well.
template <class T, std::size_t N>
struct Codec<std::array<T, N>> {
  static void encode(pickle::Encoder& encoder, const std::array<T, N>& values) {
    encoder.begin_list();
    for (const T& value : values) shoal::encode<T>(encoder, value);
    encoder.end_list();
  }
  static std::array<T, N> decode(const Object& object) {
    const std::span<const Object> items = detail::tuple_items(object, N);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<T, N>{shoal::decode<T>(items[I])...};
    }(std::make_index_sequence<N>());
  }
};

/// None or the value.
template <class T>
struct Codec<std::optional<T>> {
  static void encode(pickle::Encoder& encoder, const std::optional<T>& value) {
    if (value) shoal::encode<T>(encoder, *value);
    else encoder.none();
  }
  static std::optional<T> decode(const Object& object) {
    if (object.is_none()) return std::nullopt;
    return shoal::decode<T>(object);
  }
};

/// The value alone. Reading takes the first alternative that decodes: with variant<int, bool>, True
/// is read as 1, and with variant<double, int>, 5 is read as 5.0; put the narrower first.
template <class... Ts>
struct Codec<std::variant<Ts...>> {
  using Variant = std::variant<Ts...>;
  static void encode(pickle::Encoder& encoder, const Variant& value) {
    std::visit([&](const auto& held) { shoal::encode(encoder, held); }, value);
  }
  static Variant decode(const Object& object) { return decode_from<0>(object); }

 private:
  template <std::size_t I>
  static Variant decode_from(const Object& object) {
    using T = std::variant_alternative_t<I, Variant>;
    if constexpr (I + 1 == sizeof...(Ts)) {
      return Variant(std::in_place_index<I>, shoal::decode<T>(object));
    } else {
      try {
        return Variant(std::in_place_index<I>, shoal::decode<T>(object));
      } catch (const PickleError&) {
        return decode_from<I + 1>(object);
      }
    }
  }
};

}  // namespace shoal
