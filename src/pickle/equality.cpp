#include <shoal/object.hpp>

#include "pickle/access.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>

namespace shoal {

namespace {
bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool same(const std::complex<double>& a, const std::complex<double>& b) {
  return same(a.real(), b.real()) && same(a.imag(), b.imag());
}

template <class T>
bool same(const T& a, const T& b) {
  return a == b;
}

template <class T>
bool same_as(const Object& a, const Object& b) {
  return same(*a.get_if<T>(), *b.get_if<T>());
}

using Index = std::unordered_map<Object, const Object*>;

Index index_of(const std::vector<Object>& items) {
  Index index;
  for (const Object& item : items) index.emplace(item, &item);
  return index;
}

Index index_of(const std::vector<std::pair<Object, Object>>& pairs) {
  Index index;
  for (const auto& [key, value] : pairs) index.insert_or_assign(key, &value);
  return index;
}

/// Compares every part once: comparing again on a second path would double with every level.
bool same_index(const Index& a, const Index& b, bool compare_values) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const auto& entry) {
    const auto found = b.find(entry.first);
    return found != b.end() && (!compare_values || *entry.second == *found->second);
  });
}

std::size_t mix(std::size_t hash, std::size_t value) noexcept {
  return (hash ^ value) * 0x9e3779b97f4a7c15U + (hash >> 29);
}

std::size_t hash_real(double value) noexcept {
  return std::isnan(value) ? 1 : std::hash<double>{}(value);
}

std::size_t hash_bytes(std::span<const std::byte> bytes) noexcept {
  return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// Of a container no more than its kind.
std::size_t hash_leaf(const Object& object) noexcept {
  const auto kind = static_cast<std::size_t>(object.kind());
  if (const auto* v = object.get_if<bool>()) return mix(kind, *v ? 1 : 0);
  if (const auto* v = object.get_if<std::int64_t>()) return mix(kind, static_cast<std::size_t>(*v));
  if (const auto* v = object.get_if<double>()) return mix(kind, hash_real(*v));
  if (const auto* v = object.get_if<std::complex<double>>()) return mix(kind, hash_real(v->real()));
  if (const auto* v = object.get_if<BigInt>()) return mix(kind, hash_bytes(v->bytes()));
  if (const auto* v = object.get_if<std::string>()) return mix(kind, std::hash<std::string>{}(*v));
  if (const auto* v = object.get_if<Bytes>()) return mix(kind, hash_bytes(*v));
  if (const auto* v = object.get_if<ByteArray>()) return mix(kind, hash_bytes(v->data));
  if (const auto* v = object.get_if<Global>()) return mix(kind, std::hash<std::string>{}(v->name));
  return mix(kind, 0);
}

std::size_t hash_some(const std::vector<Object>& items, std::size_t hash, int& budget) noexcept {
  hash = mix(hash, items.size());
  for (const Object& item : items) {
    if (--budget < 0) break;
    if (const auto* tuple = item.get_if<Tuple>()) hash = hash_some(tuple->items, hash, budget);
    else hash = mix(hash, hash_leaf(item));
  }
  return hash;
}
}  // namespace

bool operator==(const Object& a, const Object& b) {
  if (a.kind_ != b.kind_) return false;
  if (a.node_ && a.node_ == b.node_) return true;
  switch (a.kind_) {
    case Kind::none: return true;
    case Kind::boolean: return same_as<bool>(a, b);
    case Kind::integer: return same_as<std::int64_t>(a, b);
    case Kind::big_integer: return same_as<BigInt>(a, b);
    case Kind::real: return same_as<double>(a, b);
    case Kind::complex: return same_as<std::complex<double>>(a, b);
    case Kind::string: return same_as<std::string>(a, b);
    case Kind::bytes: return same_as<Bytes>(a, b);
    case Kind::bytearray: return same_as<ByteArray>(a, b);
    case Kind::list: return same_as<List>(a, b);
    case Kind::tuple: return same_as<Tuple>(a, b);
    case Kind::dict: return same_as<Dict>(a, b);
    case Kind::set: return same_as<Set>(a, b);
    case Kind::frozenset: return same_as<FrozenSet>(a, b);
    case Kind::global: return same_as<Global>(a, b);
    case Kind::reduce: return same_as<Reduce>(a, b);
    case Kind::persistent_id: return same_as<PersistentId>(a, b);
  }
  return false;
}

bool operator==(const Dict& a, const Dict& b) {
  return same_index(index_of(a.items), index_of(b.items), true);
}

bool operator==(const Set& a, const Set& b) {
  return same_index(index_of(a.items), index_of(b.items), false);
}

bool operator==(const FrozenSet& a, const FrozenSet& b) {
  return same_index(index_of(a.items), index_of(b.items), false);
}

std::size_t hash_value(const Object& object) noexcept {
  int budget = 64;
  if (const auto* tuple = object.get_if<Tuple>()) return hash_some(tuple->items, 1, budget);
  if (const auto* set = object.get_if<FrozenSet>()) {
    std::size_t sum = 2;  // the same in any order
    for (const Object& item : set->items) sum += hash_leaf(item);
    return sum;
  }
  return hash_leaf(object);
}

}  // namespace shoal
