// Codecs of structs, as tuples of their fields: types that list them, and plain aggregates.
//
//     struct Point { int x; int y; };                                  // nothing to do
//     class Job { ... public:
//       static constexpr auto shoal_fields = std::tuple{&Job::id, &Job::name}; };
#pragma once

#include <shoal/codec_containers.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

namespace shoal {

namespace detail {
template <class T>
concept ListsFields = requires { T::shoal_fields; };

template <class T>
concept PlainAggregate =
    std::is_aggregate_v<T> && std::is_class_v<T> && !ListsFields<T> && kKindOf<T> == Kind::none;

/// Stands for a field of any type while fields are counted; never called.
struct AnyField {
  template <class Field>
  operator Field&() const&;
  template <class Field>
  operator Field&&() const&&;
};

inline constexpr std::size_t kMaxFields = 16;

template <class T, std::size_t... I>
consteval bool takes_fields(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), std::declval<AnyField>())...}; } ||
         requires { T{(static_cast<void>(I), std::declval<const AnyField&>())...}; };
}

/// The most initialisers that T takes, up to one more than kMaxFields.
template <class T, std::size_t N = kMaxFields + 1>
consteval std::size_t count_fields() {
  if constexpr (takes_fields<T>(std::make_index_sequence<N>())) return N;
  else if constexpr (N == 0) return 0;
  else return count_fields<T, N - 1>();
}

/// References to the fields. A table, hence its length: a binding's names cannot be generated.
template <class T>
constexpr auto tie_fields(const T& v) {
  constexpr std::size_t n = count_fields<T>();
  static_assert(n <= kMaxFields, "more than 16 fields: list them in shoal_fields");
  if constexpr (n == 0) {
    return std::tie();
  } else if constexpr (n == 1) {
    const auto& [a] = v;
    return std::tie(a);
  } else if constexpr (n == 2) {
    const auto& [a, b] = v;
    return std::tie(a, b);
  } else if constexpr (n == 3) {
    const auto& [a, b, c] = v;
    return std::tie(a, b, c);
  } else if constexpr (n == 4) {
    const auto& [a, b, c, d] = v;
    return std::tie(a, b, c, d);
  } else if constexpr (n == 5) {
    const auto& [a, b, c, d, e] = v;
    return std::tie(a, b, c, d, e);
  } else if constexpr (n == 6) {
    const auto& [a, b, c, d, e, f] = v;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (n == 7) {
    const auto& [a, b, c, d, e, f, g] = v;
    return std::tie(a, b, c, d, e, f, g);
  } else if constexpr (n == 8) {
    const auto& [a, b, c, d, e, f, g, h] = v;
    return std::tie(a, b, c, d, e, f, g, h);
  } else if constexpr (n == 9) {
    const auto& [a, b, c, d, e, f, g, h, i] = v;
    return std::tie(a, b, c, d, e, f, g, h, i);
  } else if constexpr (n == 10) {
    const auto& [a, b, c, d, e, f, g, h, i, j] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j);
  } else if constexpr (n == 11) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k);
  } else if constexpr (n == 12) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
  } else if constexpr (n == 13) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
  } else if constexpr (n == 14) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o);
  } else if constexpr (n == 15) {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p);
  } else {
    const auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q] = v;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q);
  }
}

template <class T>
void encode_fields(pickle::Encoder& encoder, const T& fields) {
  encoder.begin_tuple();
  std::apply([&](const auto&... field) { (shoal::encode(encoder, field), ...); }, fields);
  encoder.end_tuple();
}
}  // namespace detail

/// A class with `static constexpr auto shoal_fields = std::tuple{&T::a, ...}`. Reading begins with
/// a T made by its default constructor.
template <detail::ListsFields T>
struct Codec<T> {
  static constexpr std::size_t kSize = std::tuple_size_v<std::decay_t<decltype(T::shoal_fields)>>;
  static void encode(pickle::Encoder& encoder, const T& value) {
    std::apply([&](auto... field) { detail::encode_fields(encoder, std::tie(value.*field...)); },
               T::shoal_fields);
  }
  static T decode(const Object& object) {
    const std::span<const Object> items = detail::tuple_items(object, kSize);
    T value{};
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (assign(value.*std::get<I>(T::shoal_fields), items[I]), ...);
    }(std::make_index_sequence<kSize>());
    return value;
  }

 private:
  template <class Field>
  static void assign(Field& field, const Object& item) {
    field = shoal::decode<Field>(item);
  }
};

/// A struct of up to 16 public fields without base classes, constructors or C arrays.
template <detail::PlainAggregate T>
struct Codec<T> {
  static void encode(pickle::Encoder& encoder, const T& value) {
    detail::encode_fields(encoder, detail::tie_fields(value));
  }
  static T decode(const Object& object) {
    using Fields = decltype(detail::tie_fields(std::declval<const T&>()));
    constexpr std::size_t kSize = std::tuple_size_v<Fields>;
    const std::span<const Object> items = detail::tuple_items(object, kSize);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return T{shoal::decode<std::remove_cvref_t<std::tuple_element_t<I, Fields>>>(items[I])...};
    }(std::make_index_sequence<kSize>());
  }
};

}  // namespace shoal
