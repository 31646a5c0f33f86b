// The processes around one ring, and the model that their ledger is checked against.
//
// Items have numbers in the queue, without gaps. At the end each number was noted by exactly one
// consumer, or by none: then it is the witness of a consumer that was killed, who had it in hand.
// Each item whose put returned is among the noted ones or among those in hand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ring_load.hpp"
#include "shm/segment.hpp"

namespace shoal::chaos {

/// What came of it.
struct Outcome {
  std::uint64_t producers_killed = 0;
  std::uint64_t consumers_killed = 0;
  std::uint64_t puts = 0;
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  std::uint64_t in_hand = 0;
  std::uint64_t stuck = 0;
  std::uint64_t others = 0;  ///< torn, out of order, miscounted
  [[nodiscard]] std::uint64_t kills() const { return producers_killed + consumers_killed; }
  [[nodiscard]] bool good() const { return lost + doubled + stuck + others == 0; }
};

/// A place in the crew, and who fills it now.
struct Worker {
  std::string name;
  bool producer;
  std::uint64_t life = 0;
  Child child{};
};

class Crew {
 public:
  /// Starts everybody. The ledger must be new.
  Crew(const Load& load, Ledger& ledger, Random& random, Outcome& outcome);

  [[nodiscard]] std::vector<Worker>& workers() noexcept { return workers_; }
  [[nodiscard]] ring::Ring& ring() noexcept { return *ring_; }
  [[nodiscard]] shm::RingWords& words() const { return segment_->content<shm::RingWords>(); }
  Worker& any() { return workers_[draw(random_, 0, workers_.size() - 1)]; }

  /// Kills the worker and starts another in its place. Returns the dead one, perhaps a zombie.
  Child replace(Worker& worker);

  /// As if the ring had much memory and had not been used for a while: who finds it empty gives
  /// memory back.
  void rest();

  /// The ledger or the list of lives is nearly full: time for another round.
  [[nodiscard]] bool full() const;
  /// Calls returned, of each worker.
  [[nodiscard]] std::vector<std::uint64_t> turns() const;
  /// Waits until each has ended a call since `before`; who does not is stuck. Returns the last.
  std::string wait_until_all_went_on(const std::vector<std::uint64_t>& before);

  /// Ends everybody, drains the ring and checks the ledger.
  void finish();

 private:
  void start(Worker& worker);
  void end(Worker& worker);
  void drain();
  void check_memory();
  void check_numbers();
  void check_puts(const std::vector<std::uint64_t>& arrived, std::uint64_t in_hand);
  void report(const std::string& what);

  const Load& load_;
  Ledger& ledger_;
  Random& random_;
  Outcome& outcome_;
  std::shared_ptr<shm::Segment> segment_;
  std::unique_ptr<ring::Ring> ring_;
  std::vector<Worker> workers_;
  std::vector<std::uint64_t> killed_consumers_;  // lives
  std::uint64_t lives_ = 0;
};

}  // namespace shoal::chaos
