// What travels: a number, or bytes that begin with one.
#pragma once

#include <cstddef>
#include <cstring>
#include <shoal/object.hpp>
#include <type_traits>

namespace bench {

inline constexpr std::size_t kNumber = sizeof(long);

template <std::size_t kBytes>
using Message = std::conditional_t<kBytes == kNumber, long, shoal::Bytes>;

template <class M>
auto* data_of(M& message) {
  if constexpr (std::is_same_v<std::remove_const_t<M>, long>) {
    return &message;
  } else {
    return message.data();
  }
}

template <std::size_t kBytes>
Message<kBytes> new_message() {
  if constexpr (kBytes == kNumber) {
    return 0;
  } else {
    return shoal::Bytes(kBytes, std::byte{'x'});
  }
}

// The producers number their messages; with one producer the consumer checks the order.
template <class M>
void set_number(M& message, long number) {
  std::memcpy(data_of(message), &number, sizeof number);
}
template <class M>
long number_of(const M& message) {
  long number = 0;
  std::memcpy(&number, data_of(message), sizeof number);
  return number;
}

}  // namespace bench
