// The forkserver, as seen by those who ask it for children.
#pragma once

#include <memory>

#include "os/clock.hpp"
#include "os/fd.hpp"

namespace shoal::process {

/// A connection to a forkserver. Children have copies: all talk to the same server, which ends
/// when none of them is left. Immutable and thread safe.
class ForkServer {
 public:
  /// Starts a server. Throws std::system_error.
  static std::shared_ptr<const ForkServer> start();
  /// In a child of the server: the server that it was forked from; nullptr where that has ended.
  static std::shared_ptr<const ForkServer> of_child(os::Fd channel);

  ForkServer(os::Fd channel, os::Fd sentinel, int owner) noexcept
      : channel_(std::move(channel)), sentinel_(std::move(sentinel)), owner_(owner) {}
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;
  ~ForkServer() = default;

  [[nodiscard]] const os::Fd& channel() const noexcept { return channel_; }
  [[nodiscard]] int sentinel() const noexcept { return sentinel_.get(); }
  /// Where it has, takes away its remains, if it was a child of this process.
  [[nodiscard]] bool has_ended() const;
  [[nodiscard]] bool ends_within(os::Nanoseconds time) const;
  /// Hangs up, and waits for a moment until the server has ended, which it does when nobody else
  /// has a connection to it. The last thing that is done with it.
  void leave() const noexcept;

 private:
  mutable os::Fd channel_;
  os::Fd sentinel_;
  int owner_;  // the process whose child the server is, which takes away its remains
};

}  // namespace shoal::process
