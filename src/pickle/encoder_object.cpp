// Encoder: dynamic values.
#include <shoal/error.hpp>
#include <shoal/pickle.hpp>

#include "pickle/memo.hpp"
#include "pickle/opcodes.hpp"

#include <string>

namespace shoal::pickle {

void Encoder::object(const Object& object) {
  switch (object.kind()) {
    case Kind::none: return none();
    case Kind::boolean: return boolean(*object.get_if<bool>());
    case Kind::integer: return integer(*object.get_if<std::int64_t>());
    case Kind::real: return real(*object.get_if<double>());
    default: break;
  }
  const bool shared = ObjectAccess::node(object).use_count() > 1;  // a hint: others may copy it
  if (!shared) return node(object);
  if (memo_ == nullptr) memo_ = std::make_unique<Memo>();
  if (const std::optional<std::uint32_t> place = memo_->find(object)) {
    put(kLongBinGet);
    for (unsigned shift = 0; shift < 32; shift += 8)
      put(static_cast<unsigned char>(*place >> shift & 0xffU));
    return;
  }
  node(object);
  put(kMemoize);
  memo_->add(object);
}

void Encoder::node(const Object& object) {
  switch (object.kind()) {
    case Kind::big_integer: return big_integer(*object.get_if<BigInt>());
    case Kind::complex: return complex(*object.get_if<std::complex<double>>());
    case Kind::string: return str(*object.get_if<std::string>());
    case Kind::bytes: return bytes(*object.get_if<Bytes>());
    case Kind::bytearray: return bytearray(object.get_if<ByteArray>()->data);
    case Kind::global: return global_object(*object.get_if<Global>());
    default: break;
  }
  if (++depth_ > kMaxDepth)
    throw PickleError("a value is nested deeper than " + std::to_string(kMaxDepth) + " levels");
  container(object);
  --depth_;
}

void Encoder::container(const Object& object) {
  if (const auto* list = object.get_if<List>()) {
    begin_list();
    items(list->items);
    end_list();
  } else if (const auto* tuple = object.get_if<Tuple>()) {
    begin_tuple();
    items(tuple->items);
    end_tuple();
  } else if (const auto* dict = object.get_if<Dict>()) {
    begin_dict();
    items(dict->items);
    end_dict();
  } else if (const auto* set = object.get_if<Set>()) {
    begin_set();
    items(set->items);
    end_set();
  } else if (const auto* frozenset = object.get_if<FrozenSet>()) {
    begin_frozenset();
    items(frozenset->items);
    end_frozenset();
  } else if (const auto* reduce = object.get_if<Reduce>()) {
    reduce_object(*reduce);
  } else {
    persistent_id(object.get<PersistentId>().id);
  }
}

void Encoder::reduce_object(const Reduce& value) {
  const bool instance = value.form == Reduce::Form::instance;
  if (instance) put(kMark);
  object(value.callable);
  if (instance) items(value.args.get<Tuple>().items);
  else object(value.args);
  switch (value.form) {
    case Reduce::Form::call: put(kReduce); break;
    case Reduce::Form::make: put(kNewObj); break;
    case Reduce::Form::make_keyword:
      object(value.keywords);
      put(kNewObjEx);
      break;
    case Reduce::Form::instance: put(kObj); break;
  }
  if (!value.list_items.empty()) {
    put(kMark);
    items(value.list_items);
    put(kAppends);
  }
  if (!value.dict_items.empty()) {
    put(kMark);
    items(value.dict_items);
    put(kSetItems);
  }
  if (value.state) {
    object(*value.state);
    put(kBuild);
  }
}

void Encoder::global_object(const Global& value) {
  if (value.extension == 0) return global(value.module, value.name);
  put(kExt4);
  for (unsigned shift = 0; shift < 32; shift += 8)
    put(static_cast<unsigned char>(static_cast<std::uint32_t>(value.extension) >> shift & 0xffU));
}

void Encoder::items(std::span<const Object> values) {
  for (const Object& value : values) object(value);
}

void Encoder::items(std::span<const std::pair<Object, Object>> pairs) {
  for (const auto& [key, value] : pairs) {
    object(key);
    object(value);
  }
}

}  // namespace shoal::pickle
