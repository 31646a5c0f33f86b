// The descriptors that travel beside the bytes of encoded handles.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "os/fd.hpp"

namespace shoal::shm {

/// While something is encoded, handles add their descriptors here and write the index; while it is
/// decoded, handles take the descriptor of an index. Of one thread.
class Shipment {
 public:
  Shipment() = default;
  /// Of descriptors that stay the caller's.
  explicit Shipment(std::vector<int> fds) : fds_(std::move(fds)) {}
  /// Of descriptors that have arrived.
  explicit Shipment(std::vector<os::Fd> arrived);

  /// The one in progress in this thread, or nullptr: then handles cannot be encoded.
  static Shipment* current() noexcept;

  /// Index of a descriptor, which stays the owner's. The same descriptor has one index.
  std::size_t add(int fd, std::shared_ptr<const void> owner);
  /// A descriptor for the index, of the caller's own; empty where there is no such index. Where the
  /// process may have no more of them, one that has arrived is given away, once. Throws
  /// std::system_error.
  os::Fd take(std::size_t index, const char* what);
  [[nodiscard]] const std::vector<int>& fds() const noexcept { return fds_; }

  /// Makes a shipment the current one for the length of a scope.
  class Scope {
   public:
    explicit Scope(Shipment& shipment) noexcept;
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Shipment* before_;
  };

 private:
  std::vector<int> fds_;
  std::vector<std::shared_ptr<const void>> owners_;
  std::vector<os::Fd> arrived_;
};

}  // namespace shoal::shm
