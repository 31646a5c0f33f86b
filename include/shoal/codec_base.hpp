// How a C++ type becomes a pickle and comes back: the template to specialise for your own types.
#pragma once

#include <shoal/error.hpp>
#include <shoal/object.hpp>
#include <shoal/pickle.hpp>

#include <concepts>
#include <type_traits>

namespace shoal {

/// Specialise it with
///     static void encode(pickle::Encoder&, const T&);   // writes exactly one value
///     static T decode(const Object&);                   // throws PickleError on a mismatch
/// The second parameter is for std::enable_if_t; requires-clauses work as well. Ready-made: those
/// of codec_scalars.hpp, codec_containers.hpp and codec_fields.hpp.
template <class T, class = void>
struct Codec;

template <class T>
concept Encodable =
    requires(pickle::Encoder& encoder, const T& value) { Codec<T>::encode(encoder, value); };

template <class T>
concept Decodable = requires(const Object& object) {
  { Codec<T>::decode(object) } -> std::convertible_to<T>;
};

template <class T>
void encode(pickle::Encoder& encoder, const T& value) {
  static_assert(
      requires { sizeof(Codec<T>); },
      "shoal cannot send this type: specialise shoal::Codec or give it shoal_fields");
  Codec<T>::encode(encoder, value);
}

/// Throws PickleError where the object is of another kind: "expected int, found str 'abc'".
template <class T>
[[nodiscard]] T decode(const Object& object) {
  static_assert(
      requires { sizeof(Codec<T>); },
      "shoal cannot receive this type: specialise shoal::Codec or give it shoal_fields");
  return Codec<T>::decode(object);
}

}  // namespace shoal
