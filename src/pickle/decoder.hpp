// The machine that a pickle is a program for, without the instructions' effects: what would call
// Python becomes an inert Reduce.
#pragma once

#include <shoal/pickle.hpp>

#include "pickle/access.hpp"
#include "pickle/nesting.hpp"
#include "pickle/plain_calls.hpp"
#include "pickle/reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace shoal::pickle {

/// For one pickle and one thread.
///
/// SUBTLE: until the end the containers are open to change and may hold one another in circles or
/// in chains of any length. `made_` keeps each of them alive meanwhile, so that none is destroyed
/// from within another; what is not handed out is emptied before they are let go.
class Decoder {
 public:
  Decoder(std::span<const std::byte> bytes, Buffers buffers, const Limits& limits)
      : reader_(bytes), buffers_(buffers), limits_(limits) {}
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  Object run();

 private:
  void execute(unsigned char opcode);  // dispatch.cpp

  // The stack, the memo and the memory (decoder.cpp).
  void charge(std::uint64_t bytes);
  void push(Object object);
  Object pop();
  Object& top();
  [[nodiscard]] std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  std::vector<Object> take_marked();
  template <class T>
  Object make(T value);
  template <class T>
  void push_new(T value) {
    push(make(std::move(value)));
  }
  void store(std::uint64_t place);
  void fetch(std::uint64_t place);
  std::uint64_t place_in_line();
  void check_result(const Object& result);
  void empty_unmet(const Heights* heights) noexcept;

  // Marks, frames and the memo (decoder.cpp).
  void op_proto();
  void op_frame();
  void op_mark();
  void op_pop();
  void op_pop_mark();
  void op_dup();
  void op_memoize();

  // Scalars (decoder_scalars.cpp). `width` is that of a number in the pickle, in bytes.
  void push_text(std::span<const std::byte> utf8);
  void push_bytes(std::span<const std::byte> value);
  void push_python2_string(std::string_view value);
  void push_decimal(std::string_view digits);
  void op_int();
  void op_long();
  void op_float();
  void op_bin_long(std::size_t width);
  void op_bin_float();
  void op_string();
  void op_unicode();
  void op_bin_string(std::size_t width);
  void op_bytearray();
  void op_next_buffer();
  void op_readonly_buffer();

  // Containers (decoder_containers.cpp).
  std::vector<std::pair<Object, Object>> pairs_of(std::vector<Object> items);
  void append(std::vector<Object> items);
  void set_items(std::vector<Object> items);
  Reduce* open_reduce(const Object& object);
  void op_append();
  void op_short_tuple(std::size_t size);
  void op_set_item();
  void op_add_items();

  // Objects (decoder_objects.cpp).
  void push_global(std::string module, std::string name);
  bool push_plain(PlainValue value);  // false if it is none
  void push_call(Object callable, Object args);
  std::string line_text();
  const Tuple& checked_args(const Object& args) const;
  void op_ext(std::size_t width);
  void op_global();
  void op_stack_global();
  void op_reduce();
  void op_new_obj();
  void op_new_obj_ex();
  void op_inst();
  void op_obj();
  void op_build();
  void op_pers_id();
  void op_bin_pers_id();

  Reader reader_;
  Buffers buffers_;
  Limits limits_;
  std::uint64_t charged_ = 0;
  std::size_t stack_peak_ = 0;
  unsigned protocol_ = 0;
  bool tree_ = true;  // no container was referred to twice or dropped
  std::vector<Object> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::vector<Object> memo_;
  std::unordered_map<std::uint64_t, Object> sparse_memo_;  // places beyond the end of memo_
  std::vector<Object> made_;                               // every container
};

template <class T>
Object Decoder::make(T value) {
  constexpr std::size_t kNodeOverhead = 48;  // the counters, the allocator's, the place in made_
  charge(sizeof(T) + kNodeOverhead);
  Object object = ObjectAccess::make(std::move(value));
  if (is_container(object.kind())) made_.push_back(object);
  return object;
}

}  // namespace shoal::pickle
