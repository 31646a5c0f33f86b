// Arbitrary Objects survive a pickle.
#ifdef SHOAL_HAS_RAPIDCHECK
#include <shoal/codec.hpp>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "pickle/utf8.hpp"

namespace {

using namespace shoal;

rc::Gen<std::string> any_text() {
  const auto point = rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 0x80),
                                    rc::gen::inRange<std::uint32_t>(0, 0x110000));
  const auto many = rc::gen::container<std::vector<std::uint32_t>>(point);
  return rc::gen::map(many, [](const std::vector<std::uint32_t>& points) {
    std::string text;
    for (const std::uint32_t each : points) pickle::append_code_point(text, each);
    return text;
  });
}

rc::Gen<Bytes> any_bytes() {
  return rc::gen::map(rc::gen::arbitrary<std::vector<std::uint8_t>>(), [](const auto& numbers) {
    Bytes bytes;
    for (const std::uint8_t number : numbers) bytes.push_back(std::byte{number});
    return bytes;
  });
}

template <class T>
rc::Gen<Object> as_object(rc::Gen<T> gen) {
  return rc::gen::map(std::move(gen), [](T value) { return Object(std::move(value)); });
}

rc::Gen<Object> any_scalar() {
  return rc::gen::oneOf(
      rc::gen::just(Object()), as_object(rc::gen::arbitrary<bool>()),
      as_object(rc::gen::arbitrary<std::int64_t>()), as_object(rc::gen::arbitrary<double>()),
      as_object(any_text()), as_object(any_bytes()),
      rc::gen::map(any_bytes(), [](const Bytes& bytes) { return Object(BigInt(bytes)); }),
      rc::gen::map(any_bytes(), [](Bytes bytes) { return Object(ByteArray{std::move(bytes)}); }));
}

template <class T>
rc::Gen<Object> any_of(rc::Gen<std::vector<Object>> items) {
  return rc::gen::map(std::move(items),
                      [](std::vector<Object> values) { return Object(T{std::move(values)}); });
}

rc::Gen<Object> any_object(int depth) {
  if (depth == 0) return any_scalar();
  const auto part = rc::gen::lazy([=] { return any_object(depth - 1); });
  const auto items = rc::gen::scale(0.3, rc::gen::container<std::vector<Object>>(part));
  const auto scalars = rc::gen::container<std::vector<Object>>(any_scalar());
  const auto pairs = rc::gen::scale(0.3, rc::gen::container<std::vector<std::pair<Object, Object>>>(
                                             rc::gen::pair(any_scalar(), part)));
  return rc::gen::oneOf(any_scalar(), any_of<List>(items), any_of<Tuple>(items),
                        any_of<Set>(scalars), any_of<FrozenSet>(scalars),
                        rc::gen::map(pairs, [](std::vector<std::pair<Object, Object>> v) {
                          return Object(Dict{std::move(v)});
                        }));
}

RC_GTEST_PROP(PickleProperty, any_object_survives_a_pickle, ()) {
  const Object object = *rc::gen::resize(30, any_object(4));
  const ByteBuffer bytes = dumps(object);
  const Object copy = loads<Object>(bytes);
  RC_ASSERT(copy == object);
  RC_ASSERT(hash_value(copy) == hash_value(object));
  RC_ASSERT(repr(copy) == repr(object));
}

RC_GTEST_PROP(PickleProperty, any_text_survives_a_pickle, ()) {
  const std::string text = *any_text();
  RC_ASSERT(loads<std::string>(dumps(text)) == text);
}

RC_GTEST_PROP(PickleProperty, any_integer_is_read_the_short_way_as_the_long, (std::int64_t n)) {
  const ByteBuffer bytes = dumps(n);
  RC_ASSERT(loads<std::int64_t>(bytes) == n);
  RC_ASSERT(pickle::load(bytes) == Object(n));
}

}  // namespace

#endif  // SHOAL_HAS_RAPIDCHECK
