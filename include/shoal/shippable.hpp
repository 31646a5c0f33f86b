// Which types can be sent to a process that shares no memory with the sender, known when compiling.
#pragma once

#include <shoal/codec.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
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
template <class... Ts>
struct TypeList {};

// What a standard container is sendable by: Codec<std::vector<T>> exists for every T.
template <class T>
struct PartsOf {
  using Types = void;
};
template <class T, class A>
struct PartsOf<std::vector<T, A>> {
  using Types = TypeList<T>;
};
template <class T, class A>
struct PartsOf<std::deque<T, A>> {
  using Types = TypeList<T>;
};
template <class T, class A>
struct PartsOf<std::list<T, A>> {
  using Types = TypeList<T>;
};
template <class T, class... Rest>
struct PartsOf<std::set<T, Rest...>> {
  using Types = TypeList<T>;
};
template <class T, class... Rest>
struct PartsOf<std::unordered_set<T, Rest...>> {
  using Types = TypeList<T>;
};
template <class K, class V, class... Rest>
struct PartsOf<std::map<K, V, Rest...>> {
  using Types = TypeList<K, V>;
};
template <class K, class V, class... Rest>
struct PartsOf<std::unordered_map<K, V, Rest...>> {
  using Types = TypeList<K, V>;
};
template <class A, class B>
struct PartsOf<std::pair<A, B>> {
  using Types = TypeList<A, B>;
};
template <class... Ts>
struct PartsOf<std::tuple<Ts...>> {
  using Types = TypeList<Ts...>;
};
template <class T, std::size_t N>
struct PartsOf<std::array<T, N>> {
  using Types = TypeList<T>;
};
template <class T>
struct PartsOf<std::optional<T>> {
  using Types = TypeList<T>;
};
template <class... Ts>
struct PartsOf<std::variant<Ts...>> {
  using Types = TypeList<Ts...>;
};

template <class T, class... Seen>
consteval bool can_travel();

template <class... Seen, class... Ts>
consteval bool all_can_travel(TypeList<Ts...>) {
  return (can_travel<std::remove_cv_t<Ts>, Seen...>() && ...);
}

template <class Class, class... Fields>
TypeList<Fields...> listed_fields(const std::tuple<Fields Class::*...>&);
template <class... Fields>
TypeList<std::remove_cvref_t<Fields>...> tied_fields(const std::tuple<Fields...>&);

// Stands for a base class of T while an aggregate is looked at; never called.
template <class T>
struct AnyBaseOf {
  template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::same_as<Base, T>)
  operator Base() const;
};
template <class T>
concept HasBase = requires { T{AnyBaseOf<T>{}}; };

// The K initialisers from the I-th on fill one C array: in braces of their own they leave no room
// for more than the others.
template <class T, std::size_t N, std::size_t I, std::size_t K>
consteval bool is_array_at() {
  return []<std::size_t... B, std::size_t... M, std::size_t... A, std::size_t... E>(
             std::index_sequence<B...>, std::index_sequence<M...>, std::index_sequence<A...>,
             std::index_sequence<E...>) {
    return requires {
      T{(static_cast<void>(B), std::declval<AnyField>())...,
        {(static_cast<void>(M), std::declval<AnyField>())...},
        (static_cast<void>(A), std::declval<AnyField>())...};
    } && !requires {
      T{(static_cast<void>(B), std::declval<AnyField>())...,
        {(static_cast<void>(M), std::declval<AnyField>())...},
        (static_cast<void>(A), std::declval<AnyField>())...,
        (static_cast<void>(E), std::declval<AnyField>())...};
    };
  }(std::make_index_sequence<I>(), std::make_index_sequence<K>(),
         std::make_index_sequence<N - I - K>(), std::make_index_sequence<K - 1>());
}

template <class T, std::size_t N>
consteval bool has_array() {
  return []<std::size_t... I>(std::index_sequence<I...>) {
    return (
        []<std::size_t At, std::size_t... K>(std::index_sequence<At>, std::index_sequence<K...>) {
          return (is_array_at<T, N, At, K + 2>() || ...);
        }(std::index_sequence<I>(), std::make_index_sequence<N - I - 1>()) ||
        ...);
  }(std::make_index_sequence<N>());
}

// An aggregate that its Codec can take apart: fields only, as many as there are initialisers.
template <class T>
consteval bool can_be_taken_apart() {
  if constexpr (!std::is_move_constructible_v<T> || HasBase<T>) {
    return false;
  } else {
    constexpr std::size_t kFields = count_fields<T>();
    if constexpr (kFields > kMaxFields) return false;
    else if constexpr (kFields == 0) return std::is_empty_v<T>;
    else return !has_array<T, kFields>();
  }
}

// False for a field that is a reference: what was decoded does not last.
template <class T, class... Fields>
consteval bool is_made_of(TypeList<Fields...>) {
  return requires { T{std::declval<Fields>()...}; };
}

template <class T, class... Seen>
consteval bool can_travel() {
  using Parts = typename PartsOf<T>::Types;
  if constexpr ((std::same_as<T, Seen> || ...)) {
    return true;  // a type that holds itself: the rest of it decides
  } else if constexpr (!std::is_void_v<Parts>) {
    return all_can_travel<T, Seen...>(Parts());
  } else if constexpr (ListsFields<T>) {
    using Fields = decltype(listed_fields(T::shoal_fields));
    return std::is_default_constructible_v<T> && all_can_travel<T, Seen...>(Fields());
  } else if constexpr (PlainAggregate<T>) {
    if constexpr (can_be_taken_apart<T>()) {
      using Fields = decltype(tied_fields(tie_fields(std::declval<const T&>())));
      return is_made_of<T>(Fields()) && all_can_travel<T, Seen...>(Fields());
    } else {
      return false;
    }
  } else {
    return Encodable<T> && Decodable<T>;
  }
}
}  // namespace detail

/// Specialise it as true for an aggregate of yours whose Codec you wrote although its fields have
/// none.
template <class T>
inline constexpr bool is_shippable_v = detail::can_travel<T>();

/// A type with a Codec both ways, and so have all its parts.
template <class T>
concept Shippable = is_shippable_v<std::remove_cvref_t<T>>;

}  // namespace shoal
