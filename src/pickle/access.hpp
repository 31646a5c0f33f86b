// The inside of an Object, for the encoder and the decoder.
#pragma once

#include <shoal/object.hpp>

#include <memory>
#include <utility>

namespace shoal::pickle {

class ObjectAccess {
 public:
  template <class T>
  static Object make(T value) {
    return Object(detail::kKindOf<T>, std::make_shared<T>(std::move(value)));
  }

  /// What copies of the object share; null for the small scalars.
  static const std::shared_ptr<const void>& node(const Object& object) noexcept {
    return object.node_;
  }

  /// The part to change while the decoder, which made it, has not handed it out; null if the object
  /// is no T. Every node is made not const.
  template <class T>
  static T* mutate(const Object& object) noexcept {
    return const_cast<T*>(object.get_if<T>());
  }
};

/// Kinds that hold other objects.
constexpr bool is_container(Kind kind) noexcept {
  return kind >= Kind::list && kind != Kind::global;
}

/// Calls visit(const Object&) for each part of a container, in order.
template <class Visit>
void for_each_part(const Object& object, Visit visit) {
  const auto each = [&](const std::vector<Object>& items) {
    for (const Object& item : items) visit(item);
  };
  const auto each_pair = [&](const std::vector<std::pair<Object, Object>>& pairs) {
    for (const auto& [key, value] : pairs) {
      visit(key);
      visit(value);
    }
  };
  if (const auto* list = object.get_if<List>()) each(list->items);
  if (const auto* tuple = object.get_if<Tuple>()) each(tuple->items);
  if (const auto* dict = object.get_if<Dict>()) each_pair(dict->items);
  if (const auto* set = object.get_if<Set>()) each(set->items);
  if (const auto* frozenset = object.get_if<FrozenSet>()) each(frozenset->items);
  if (const auto* id = object.get_if<PersistentId>()) visit(id->id);
  if (const auto* reduce = object.get_if<Reduce>()) {
    visit(reduce->callable);
    visit(reduce->args);
    visit(reduce->keywords);
    each(reduce->list_items);
    each_pair(reduce->dict_items);
    if (reduce->state) visit(*reduce->state);
  }
}

}  // namespace shoal::pickle
