// The command line.
#pragma once

#include <shoal/start_method.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace logs {

struct Options {
  std::size_t workers = 4;
  shoal::StartMethod start_method = shoal::StartMethod::fork;
  std::string output = "multiprocess.log";
  double timeout = 3;
  bool demo = false;
  double seconds = 5;
  bool kill_one = false;
  std::vector<std::string> files = {};

  // The mixed variant's driver starts this program as one worker or as the collector; see
  // joined.hpp.
  std::string join = {};
  std::string collect = {};
  std::string name = {};
  std::string pause_for = {};
};

/// Ends the program after --help and after a mistake.
[[nodiscard]] Options parse_options(int argc, char** argv);

}  // namespace logs
