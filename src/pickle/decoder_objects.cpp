// Decoder: globals and what is built with them.
#include "pickle/decoder.hpp"
#include "pickle/old_names.hpp"
#include "pickle/utf8.hpp"

#include <type_traits>
#include <variant>

namespace shoal::pickle {

std::string Decoder::line_text() {
  const std::string_view line = reader_.line();
  if (!is_utf8(line)) reader_.fail("a name is not UTF-8");
  charge(line.size());
  return std::string(line);
}

void Decoder::push_global(std::string module, std::string name) {
  Global global{std::move(module), std::move(name)};
  if (protocol_ < 3) rename_for_python3(global);
  push(make(std::move(global)));
}

const Tuple& Decoder::checked_args(const Object& args) const {
  const auto* const tuple = args.get_if<Tuple>();
  if (tuple == nullptr) reader_.fail("expected a tuple of arguments, found " + describe(args));
  return *tuple;
}

bool Decoder::push_plain(PlainValue value) {
  const auto push_value = [this]<class T>(T& plain) {
    if constexpr (requires { plain.items; }) charge(plain.items.size() * sizeof(Object));
    if constexpr (requires { plain.data; }) charge(plain.data.size());
    if constexpr (requires { plain.size(); }) charge(plain.size());
    if constexpr (!std::is_same_v<T, std::monostate>) push(make(std::move(plain)));
    return !std::is_same_v<T, std::monostate>;
  };
  return std::visit(push_value, value);
}

void Decoder::push_call(Object callable, Object args) {
  const Tuple& tuple = checked_args(args);
  const auto* const global = callable.get_if<Global>();
  if (global != nullptr && push_plain(plain_result(*global, tuple))) return;
  push(make(Reduce{Reduce::Form::call, std::move(callable), std::move(args), {}}));
}

void Decoder::op_ext(std::size_t width) {
  const auto code = static_cast<std::int32_t>(reader_.number(width));
  if (code <= 0) reader_.fail("an extension code must be above 0");
  push(make(Global{"", "", code}));
}

void Decoder::op_global() {
  std::string module = line_text();
  push_global(std::move(module), line_text());
}

void Decoder::op_stack_global() {
  const Object name = pop();
  const Object module = pop();
  const auto* const name_text = name.get_if<std::string>();
  const auto* const module_text = module.get_if<std::string>();
  if (name_text == nullptr || module_text == nullptr) reader_.fail("a global's name must be a str");
  charge(name_text->size() + module_text->size());
  push_global(*module_text, *name_text);
}

void Decoder::op_reduce() {
  Object args = pop();
  Object callable = pop();
  push_call(std::move(callable), std::move(args));
}

void Decoder::op_new_obj() {
  Object args = pop();
  Object callable = pop();
  checked_args(args);
  push(make(Reduce{Reduce::Form::make, std::move(callable), std::move(args), {}}));
}

void Decoder::op_new_obj_ex() {
  Object keywords = pop();
  Object args = pop();
  Object callable = pop();
  checked_args(args);
  if (keywords.get_if<Dict>() == nullptr) reader_.fail("expected a dict of arguments");
  push(make(Reduce{Reduce::Form::make_keyword, std::move(callable), std::move(args),
                   std::move(keywords)}));
}

void Decoder::op_inst() {
  std::string module = line_text();
  push_global(std::move(module), line_text());
  Object callable = pop();
  Object args = make(Tuple{take_marked()});
  push(make(Reduce{Reduce::Form::instance, std::move(callable), std::move(args), {}}));
}

void Decoder::op_obj() {
  std::vector<Object> items = take_marked();
  if (items.empty()) reader_.fail("an object has no class");
  Object callable = std::move(items.front());
  items.erase(items.begin());
  Object args = make(Tuple{std::move(items)});
  push(make(Reduce{Reduce::Form::instance, std::move(callable), std::move(args), {}}));
}

void Decoder::op_build() {
  Object state = pop();
  Reduce* const reduce = open_reduce(top());
  if (reduce == nullptr) reader_.fail("cannot give a state to " + describe(top()));
  reduce->state = std::move(state);
}

void Decoder::op_pers_id() { push(make(PersistentId{make(line_text())})); }

void Decoder::op_bin_pers_id() { push(make(PersistentId{pop()})); }

}  // namespace shoal::pickle
