// A folder in which processes leave notes for each other: a means of tests that is none of shoal's.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>

#include "support/waiting.hpp"

namespace support {

/// Travels to children as its path. Removed with the one that was made by make().
class Board {
 public:
  Board() = default;
  Board(const Board& other) : path_(other.path_) {}
  Board& operator=(const Board& other) {
    path_ = other.path_;
    return *this;
  }
  ~Board() {
    if (owner_ == ::getpid()) std::filesystem::remove_all(path_);
  }

  static Board make() { return Board(::getpid()); }

  /// Appears at once and whole.
  void note(const std::string& name, const std::string& text = "") const {
    const std::string draft = path_ + "/." + name + std::to_string(::getpid());
    std::ofstream(draft, std::ios::binary) << text;
    std::filesystem::rename(draft, path_ + "/" + name);
  }
  [[nodiscard]] bool has(const std::string& name) const {
    return std::filesystem::exists(path_ + "/" + name);
  }
  [[nodiscard]] bool waits_for(const std::string& name) const {
    return happens([&] { return has(name); });
  }
  /// The note's text, waited for; "(no such note)" where it does not come.
  [[nodiscard]] std::string read(const std::string& name) const {
    if (!waits_for(name)) return "(no such note)";
    std::ifstream file(path_ + "/" + name, std::ios::binary);
    return (std::ostringstream() << file.rdbuf()).str();
  }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit Board(int owner) : path_("/tmp/shoal-test-XXXXXX"), owner_(owner) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  std::string path_;
  int owner_ = 0;

 public:
  static constexpr auto shoal_fields = std::tuple{&Board::path_};
};

}  // namespace support
