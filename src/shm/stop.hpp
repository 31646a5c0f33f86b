// A std::stop_token that ends waits.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>

#include "shm/parking.hpp"

namespace shoal::shm {

/// While it lives, a request to stop wakes who sleeps in a parking; who has been asked to stop sees
/// it, the others sleep on. Nothing where there is no token.
class Stop {
 public:
  Stop(const std::stop_token* token, ParkingWords& parking) : token_(token) {
    if (token_ == nullptr) return;
    wake_.emplace(*token_, [&parking] { Parking(parking).notify_all(); });
  }
  [[nodiscard]] bool requested() const noexcept {
    return token_ != nullptr && token_->stop_requested();
  }

 private:
  const std::stop_token* token_;
  std::optional<std::stop_callback<std::function<void()>>> wake_;
};

}  // namespace shoal::shm
