// How long survivors stood still, in figures for people: they are read, never asserted.
#pragma once

#include <string>
#include <vector>

#include "os/clock.hpp"

namespace shoal::chaos {

class Stalls {
 public:
  void add(os::Nanoseconds stall) { all_.push_back(stall); }
  void add(const Stalls& others) {
    all_.insert(all_.end(), others.all_.begin(), others.all_.end());
  }
  /// "stall p50 0.4 ms p99 21.0 ms longest 29.0 ms"
  [[nodiscard]] std::string text() const;

 private:
  std::vector<os::Nanoseconds> all_;
};

}  // namespace shoal::chaos
