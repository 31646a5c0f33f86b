// The descriptors that travel beside the bytes of encoded handles.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace shoal::shm {

/// While the arguments of a process are encoded, handles add their descriptors here and write the
/// index; while they are decoded, handles ask for the descriptor of an index. Of one thread.
class Shipment {
 public:
  Shipment() = default;
  explicit Shipment(std::vector<int> fds) : fds_(std::move(fds)) {}

  /// The one in progress in this thread, or nullptr: then handles cannot be encoded.
  static Shipment* current() noexcept;

  /// Index of a descriptor, which stays the caller's. The same descriptor has one index.
  std::size_t add(int fd);
  /// Descriptor of an index; stays the shipment's, who wants to keep it duplicates it. -1 where
  /// there is no such index.
  [[nodiscard]] int at(std::size_t index) const noexcept;
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
};

}  // namespace shoal::shm
