// Decoder: the stack, the memo, the limits and the dispatch.
#include "pickle/decoder.hpp"

#include "pickle/opcodes.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace shoal::pickle {

Object load(std::span<const std::byte> pickle, const Limits& limits) {
  return Decoder(pickle, {}, limits).run();
}

Object load(std::span<const std::byte> pickle, Buffers buffers, const Limits& limits) {
  return Decoder(pickle, buffers, limits).run();
}

Object Decoder::run() {
  for (unsigned char opcode = reader_.opcode(); opcode != kStop; opcode = reader_.opcode())
    execute(opcode);
  Object result = pop();
  if (!stack_.empty()) tree_ = false;
  check_result(result);
  return result;
}

Decoder::~Decoder() { empty_unmet(nullptr); }

void Decoder::check_result(const Object& result) {
  Heights heights;
  const Nesting nesting =
      tree_ ? measure_tree(result, limits_.depth) : heights.measure(result, limits_.depth);
  if (nesting == Nesting::recursive)
    reader_.fail("recursive value: a container holds itself, which shoal's values cannot");
  if (nesting == Nesting::too_deep)
    reader_.fail("nested deeper than the limit of " + std::to_string(limits_.depth) + " levels");
  if (!tree_) empty_unmet(&heights);
  made_.clear();
}

void Decoder::empty_unmet(const Heights* heights) noexcept {
  for (const Object& object : made_) {
    if (heights != nullptr && heights->met(object)) continue;
    if (auto* list = ObjectAccess::mutate<List>(object)) list->items.clear();
    if (auto* tuple = ObjectAccess::mutate<Tuple>(object)) tuple->items.clear();
    if (auto* dict = ObjectAccess::mutate<Dict>(object)) dict->items.clear();
    if (auto* set = ObjectAccess::mutate<Set>(object)) set->items.clear();
    if (auto* frozenset = ObjectAccess::mutate<FrozenSet>(object)) frozenset->items.clear();
    if (auto* reduce = ObjectAccess::mutate<Reduce>(object)) *reduce = Reduce{};
    if (auto* id = ObjectAccess::mutate<PersistentId>(object)) id->id = Object();
  }
}

void Decoder::charge(std::uint64_t bytes) {
  if (bytes > limits_.memory - charged_)
    reader_.fail("needs more than the limit of " + std::to_string(limits_.memory) + " bytes");
  charged_ += bytes;
}

void Decoder::push(Object object) {
  if (stack_.size() >= stack_peak_) {
    charge(sizeof(Object));
    ++stack_peak_;
  }
  stack_.push_back(std::move(object));
}

Object& Decoder::top() {
  if (stack_.size() <= floor()) reader_.fail("the stack is empty");
  return stack_.back();
}

Object Decoder::pop() {
  Object object = std::move(top());
  stack_.pop_back();
  return object;
}

std::vector<Object> Decoder::take_marked() {
  if (marks_.empty()) reader_.fail("no mark is set");
  const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(floor());
  charge(static_cast<std::uint64_t>(stack_.end() - first) * sizeof(Object));
  std::vector<Object> items(std::make_move_iterator(first), std::make_move_iterator(stack_.end()));
  stack_.erase(first, stack_.end());
  marks_.pop_back();
  return items;
}

void Decoder::store(std::uint64_t place) {
  constexpr std::size_t kEntry = sizeof(Object) + 32;
  charge(kEntry);
  if (place < memo_.size()) {
    memo_[static_cast<std::size_t>(place)] = top();
  } else if (place == memo_.size()) {
    memo_.push_back(top());
    if (!sparse_memo_.empty()) sparse_memo_.erase(place);
  } else {
    sparse_memo_.insert_or_assign(place, top());
  }
}

void Decoder::fetch(std::uint64_t place) {
  const Object* object = nullptr;
  if (place < memo_.size()) object = &memo_[static_cast<std::size_t>(place)];
  else if (const auto at = sparse_memo_.find(place); at != sparse_memo_.end()) object = &at->second;
  if (object == nullptr) reader_.fail("nothing is memoised as " + std::to_string(place));
  if (is_container(object->kind())) tree_ = false;
  push(*object);
}

std::uint64_t Decoder::place_in_line() {
  const std::string_view line = reader_.line();
  std::uint64_t place = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), place);
  if (error != std::errc{} || end != line.data() + line.size())
    reader_.fail("expected the number of a memoised value");
  return place;
}

void Decoder::op_proto() {
  protocol_ = static_cast<unsigned>(reader_.number(1));
  if (protocol_ > kProtocol) reader_.fail("unknown protocol " + std::to_string(protocol_));
}

void Decoder::op_frame() { reader_.expect(reader_.number(8)); }

void Decoder::op_mark() {
  charge(sizeof(std::size_t));
  marks_.push_back(stack_.size());
}

void Decoder::op_pop() {
  if (!marks_.empty() && stack_.size() == floor()) return marks_.pop_back();
  if (top().kind() == Kind::reduce)
    reader_.fail("a call made for its effect alone cannot be kept as data");
  tree_ = false;
  pop();
}

void Decoder::op_pop_mark() {
  tree_ = false;
  take_marked();
}

void Decoder::op_dup() {
  if (is_container(top().kind())) tree_ = false;
  push(Object(top()));
}

void Decoder::op_memoize() { store(memo_.size() + sparse_memo_.size()); }

}  // namespace shoal::pickle
