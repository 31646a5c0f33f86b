#include "process/line.hpp"

#include <cstring>

#include "shm/parking.hpp"

namespace shoal::process {
namespace {

struct Header {
  Word word;
  std::int32_t number;
};

std::vector<std::byte> pack(Word word, std::int32_t number, std::string_view text) {
  const Header header{word, number};
  text = text.substr(0, kMostText);
  std::vector<std::byte> bytes(sizeof header + text.size());
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!text.empty()) std::memcpy(bytes.data() + sizeof header, text.data(), text.size());
  return bytes;
}

}  // namespace

os::Sent say(const os::Fd& line, Word word, std::int32_t number, std::string_view text,
             std::span<const int> fds) {
  return os::try_send(line, pack(word, number, text), fds);
}

os::Sent say_waiting(const os::Fd& line, Word word, std::span<const int> fds) {
  return os::send(line, pack(word, 0, {}), fds, &shm::check_interrupt);
}

os::Received hear(const os::Fd& line, Saying& saying) {
  os::Message message;
  const auto received = os::try_receive(line, message, sizeof(Header) + kMostText);
  if (received != os::Received::kMessage) return received;
  Header header{};
  if (message.bytes.size() < sizeof header) return os::Received::kNothing;
  std::memcpy(&header, message.bytes.data(), sizeof header);
  saying.word = header.word;
  saying.number = header.number;
  saying.text.assign(reinterpret_cast<const char*>(message.bytes.data()) + sizeof header,
                     message.bytes.size() - sizeof header);
  saying.fds = std::move(message.fds);
  return received;
}

}  // namespace shoal::process
