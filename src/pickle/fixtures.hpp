// For tests: the pickles of tests/contract/pickles/pickles.txt.
#pragma once

#include <shoal/object.hpp>

#include <cstddef>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace shoal::pickle {

struct Fixture {
  enum class Kind { value, recursive, object };
  std::string name;  // with the protocol
  Bytes pickle;
  Kind kind = Kind::value;
  std::string repr;  // of a value
};

inline Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

inline std::vector<Fixture> read_fixtures() {
  std::ifstream file(SHOAL_SOURCE_DIR "/tests/contract/pickles/pickles.txt");
  std::vector<Fixture> fixtures;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string protocol, name, pickle, repr;
    words >> protocol >> name >> pickle >> repr;
    Fixture fixture{name + ", protocol " + protocol, from_hex(pickle), Fixture::Kind::value, {}};
    if (repr == "!") fixture.kind = Fixture::Kind::recursive;
    else if (repr == "-") fixture.kind = Fixture::Kind::object;
    else
      for (const std::byte byte : from_hex(repr)) fixture.repr += static_cast<char>(byte);
    fixtures.push_back(std::move(fixture));
  }
  if (fixtures.empty()) throw std::runtime_error("run tests/contract/pickles/gen.py");
  return fixtures;
}

}  // namespace shoal::pickle
