// Calls by which old protocols write what newer ones have opcodes for.
#pragma once

#include <shoal/object.hpp>

#include <complex>
#include <variant>

namespace shoal::pickle {

using PlainValue =
    std::variant<std::monostate, Bytes, ByteArray, Set, FrozenSet, std::complex<double>>;

/// What callable(*args) gives, if the call is one of the kind above; else monostate.
[[nodiscard]] PlainValue plain_result(const Global& callable, const Tuple& args);

}  // namespace shoal::pickle
