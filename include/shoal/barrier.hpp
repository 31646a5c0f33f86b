// Where processes wait until all have come.
#pragma once

#include <shoal/codec_base.hpp>
#include <shoal/holder.hpp>
#include <shoal/wait.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

namespace shoal {

namespace sync {
class BarrierCore;
}

/// What a barrier does when a party dies while it waits.
enum class OnPartyDeath : unsigned char {
  kBreak,   ///< the others get BrokenBarrier, which names the process
  kShrink,  ///< the barrier goes on with one party less
};

struct BarrierOptions {
  std::ptrdiff_t parties = 1;  ///< 1 to 400
  /// Run by the last party of each round, with no lock held, before the others go on; what it
  /// throws breaks the barrier. Of this handle and its copies: a handle with an action travels by
  /// fork only.
  std::function<void()> action = {};
  std::optional<std::chrono::nanoseconds> timeout = {};  ///< of wait(); of this handle
  std::string name = {};  ///< by which unrelated programs of this user open it
  OnPartyDeath on_party_death = OnPartyDeath::kBreak;
};

/// multiprocessing.Barrier. A handle: copies share the barrier, and it travels as an argument of a
/// Process. Thread, process and fork safe.
class Barrier {
 public:
  /// Throws std::invalid_argument where the number of parties will not do.
  explicit Barrier(std::ptrdiff_t parties) : Barrier(BarrierOptions{.parties = parties}) {}
  explicit Barrier(BarrierOptions options);
  explicit Barrier(std::shared_ptr<sync::BarrierCore> core) noexcept;
  /// Throws NameMissing, WrongOwner, WrongKind, WrongVersion, WrongNamespace or Damaged.
  static Barrier open(const std::string& name);
  /// Removes the name; those who have it keep it. Throws NameMissing.
  static void unlink(const std::string& name);

  /// Waits for the other parties; which of them this one was, from 0. Throws BrokenBarrier, and
  /// Interrupted (wait.hpp).
  std::size_t wait();
  /// A stop that is asked for first breaks the barrier, as a timeout does.
  std::size_t wait(const std::stop_token& stop);
  template <class Rep, class Period>
  std::size_t wait_for(const std::chrono::duration<Rep, Period>& timeout) {
    return wait_within(detail::to_nanoseconds(timeout), nullptr);
  }

  /// As new; those who wait get BrokenBarrier.
  void reset();
  /// Broken, until reset().
  void abort();
  [[nodiscard]] std::size_t parties() const;
  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] bool broken() const;
  [[nodiscard]] Waiters waiters() const;
  /// Empty for a nameless one.
  [[nodiscard]] std::string name() const;

  friend bool operator==(const Barrier& a, const Barrier& b);
  [[nodiscard]] const std::shared_ptr<sync::BarrierCore>& core() const noexcept { return core_; }
  [[nodiscard]] bool has_action() const noexcept { return action_ != nullptr; }
  [[nodiscard]] std::optional<std::chrono::nanoseconds> timeout() const noexcept {
    return timeout_;
  }

 private:
  friend struct Codec<Barrier>;
  std::size_t wait_within(std::optional<std::chrono::nanoseconds> timeout,
                          const std::stop_token* stop);

  std::shared_ptr<sync::BarrierCore> core_;
  std::shared_ptr<const std::function<void()>> action_;
  std::optional<std::chrono::nanoseconds> timeout_;
};

/// As an argument of a process, or through a queue; elsewhere ProcessError.
template <>
struct Codec<Barrier> {
  static void encode(pickle::Encoder& encoder, const Barrier& barrier);
  static Barrier decode(const Object& object);
};

}  // namespace shoal
