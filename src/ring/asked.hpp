// Who was asked after, in one look through a table: it takes some 10 us to learn whether a process
// is dead, and the same ones own many entries.
#pragma once

#include <array>
#include <cstddef>

#include "os/task.hpp"

namespace shoal::ring {

/// For one look: what was true a moment ago is true enough for it. Not shared.
class Asked {
 public:
  [[nodiscard]] bool is_dead(os::TaskWord owner) noexcept {
    for (const Answer& known : answers_) {
      if (known.owner == owner) return known.dead;
    }
    const Answer answer{owner, os::is_dead(owner)};
    answers_[next_++ % answers_.size()] = answer;
    return answer.dead;
  }

 private:
  struct Answer {
    os::TaskWord owner = 0;
    bool dead = false;
  };
  std::array<Answer, 16> answers_{};
  std::size_t next_ = 0;
};

}  // namespace shoal::ring
