// Decoder: what each opcode does. One table, hence one long function.
#include "pickle/decoder.hpp"
#include "pickle/opcodes.hpp"

namespace shoal::pickle {

void Decoder::execute(unsigned char opcode) {
  switch (opcode) {
    case kProto: return op_proto();
    case kFrame: return op_frame();
    case kMark: return op_mark();
    case kPop: return op_pop();
    case kPopMark: return op_pop_mark();
    case kDup: return op_dup();
    case kMemoize: return op_memoize();
    case kGet: return fetch(place_in_line());
    case kBinGet: return fetch(reader_.number(1));
    case kLongBinGet: return fetch(reader_.number(4));
    case kPut: return store(place_in_line());
    case kBinPut: return store(reader_.number(1));
    case kLongBinPut: return store(reader_.number(4));

    case kNone: return push(Object());
    case kNewTrue: return push(true);
    case kNewFalse: return push(false);
    case kInt: return op_int();
    case kLong: return op_long();
    case kBinInt: return push(reader_.signed_number());
    case kBinInt1: return push(reader_.number(1));
    case kBinInt2: return push(reader_.number(2));
    case kLong1: return op_bin_long(1);
    case kLong4: return op_bin_long(4);
    case kFloat: return op_float();
    case kBinFloat: return op_bin_float();
    case kString: return op_string();
    case kShortBinString: return op_bin_string(1);
    case kBinString: return op_bin_string(4);
    case kUnicode: return op_unicode();
    case kShortBinUnicode: return push_text(reader_.take(reader_.number(1)));
    case kBinUnicode: return push_text(reader_.take(reader_.number(4)));
    case kBinUnicode8: return push_text(reader_.take(reader_.number(8)));
    case kShortBinBytes: return push_bytes(reader_.take(reader_.number(1)));
    case kBinBytes: return push_bytes(reader_.take(reader_.number(4)));
    case kBinBytes8: return push_bytes(reader_.take(reader_.number(8)));
    case kByteArray8: return op_bytearray();
    case kNextBuffer: return op_next_buffer();
    case kReadonlyBuffer: return op_readonly_buffer();

    case kEmptyList: return push(make(List{}));
    case kList: return push(make(List{take_marked()}));
    case kAppend: return op_append();
    case kAppends: return append(take_marked());
    case kEmptyTuple: return push(make(Tuple{}));
    case kTuple: return push(make(Tuple{take_marked()}));
    case kTuple1: return op_short_tuple(1);
    case kTuple2: return op_short_tuple(2);
    case kTuple3: return op_short_tuple(3);
    case kEmptyDict: return push(make(Dict{}));
    case kDict: return push(make(Dict{pairs_of(take_marked())}));
    case kSetItem: return op_set_item();
    case kSetItems: return set_items(take_marked());
    case kEmptySet: return push(make(Set{}));
    case kAddItems: return op_add_items();
    case kFrozenSet: return push(make(FrozenSet{take_marked()}));

    case kExt1: return op_ext(1);
    case kExt2: return op_ext(2);
    case kExt4: return op_ext(4);
    case kGlobal: return op_global();
    case kStackGlobal: return op_stack_global();
    case kReduce: return op_reduce();
    case kNewObj: return op_new_obj();
    case kNewObjEx: return op_new_obj_ex();
    case kInst: return op_inst();
    case kObj: return op_obj();
    case kBuild: return op_build();
    case kPersId: return op_pers_id();
    case kBinPersId: return op_bin_pers_id();
    default: reader_.fail("unknown opcode " + std::to_string(opcode));
  }
}

}  // namespace shoal::pickle
