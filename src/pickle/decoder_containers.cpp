// Decoder: lists, tuples, dicts and sets.
#include "pickle/decoder.hpp"

#include <iterator>

namespace shoal::pickle {

namespace {
template <class T>
void move_to_end(std::vector<T>& to, std::vector<T> items) {
  if (to.empty()) to = std::move(items);
  else to.insert(to.end(), std::move_iterator(items.begin()), std::move_iterator(items.end()));
}
}  // namespace

std::vector<std::pair<Object, Object>> Decoder::pairs_of(std::vector<Object> items) {
  if (items.size() % 2 != 0) reader_.fail("a key has no value");
  charge(items.size() * sizeof(Object));
  std::vector<std::pair<Object, Object>> pairs;
  pairs.reserve(items.size() / 2);
  for (std::size_t i = 0; i < items.size(); i += 2)
    pairs.emplace_back(std::move(items[i]), std::move(items[i + 1]));
  return pairs;
}

/// The object as a Reduce that may still be given items, else null.
Reduce* Decoder::open_reduce(const Object& object) {
  auto* const reduce = ObjectAccess::mutate<Reduce>(object);
  if (reduce != nullptr && reduce->state)
    reader_.fail("an object is changed after it was given its state");
  return reduce;
}

void Decoder::append(std::vector<Object> items) {
  if (auto* list = ObjectAccess::mutate<List>(top()))
    return move_to_end(list->items, std::move(items));
  if (Reduce* reduce = open_reduce(top())) return move_to_end(reduce->list_items, std::move(items));
  reader_.fail("cannot append to " + describe(top()));
}

void Decoder::op_append() {
  std::vector<Object> items;
  items.push_back(pop());
  charge(2 * sizeof(Object));
  append(std::move(items));
}

void Decoder::set_items(std::vector<Object> items) {
  auto pairs = pairs_of(std::move(items));
  if (auto* dict = ObjectAccess::mutate<Dict>(top()))
    return move_to_end(dict->items, std::move(pairs));
  if (Reduce* reduce = open_reduce(top())) return move_to_end(reduce->dict_items, std::move(pairs));
  reader_.fail("cannot set an item of " + describe(top()));
}

void Decoder::op_set_item() {
  std::vector<Object> items(2);
  items[1] = pop();
  items[0] = pop();
  charge(2 * sizeof(Object));
  set_items(std::move(items));
}

void Decoder::op_short_tuple(std::size_t size) {
  std::vector<Object> items(size);
  charge(size * sizeof(Object));
  while (size-- > 0) items[size] = pop();
  push(make(Tuple{std::move(items)}));
}

void Decoder::op_add_items() {
  std::vector<Object> items = take_marked();
  auto* const set = ObjectAccess::mutate<Set>(top());
  if (set == nullptr) reader_.fail("cannot add to " + describe(top()));
  move_to_end(set->items, std::move(items));
}

}  // namespace shoal::pickle
