// Rounds of random deaths among the producers and consumers of a ring; the model is in crew.hpp.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "crew.hpp"

namespace shoal::chaos {

/// Who was killed.
struct Victim {
  std::string name;
  std::uint64_t life = 0;
  pid_t pid = 0;
};

/// One scenario: its loads, in turn, and what it looks at beside the model of all.
struct Manner {
  const char* title;  ///< opens the closing line
  std::span<const Load> loads;
  /// When all have gone on after deaths.
  std::function<void(Crew&, const std::vector<Victim>&)> after_deaths{};
  /// When nothing more is put, and the consumers still run.
  std::function<void(Crew&)> at_the_end{};
  /// For the closing line.
  std::function<std::string()> text{};
};

bool kill_around(const Plan& plan, const Manner& manner);

}  // namespace shoal::chaos
