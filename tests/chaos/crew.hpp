// The processes around one ring, and the model that their ledger is checked against.
//
// Items have numbers in the queue, without gaps. At the end each number was noted by exactly one
// consumer, or by none: then it is among those that a consumer that was killed had in hand, which
// begin at its witness. The items of each producer have ascending numbers, and each item whose put
// returned is among the noted ones or among those in hand.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
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
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  ~Crew();

  [[nodiscard]] std::vector<Worker>& workers() noexcept { return workers_; }
  [[nodiscard]] ring::Ring& ring() noexcept { return *ring_; }
  [[nodiscard]] const shm::Segment& segment() const noexcept { return *segment_; }
  [[nodiscard]] shm::RingWords& words() const { return segment_->content<shm::RingWords>(); }
  [[nodiscard]] Ledger& ledger() noexcept { return ledger_; }
  Worker& any() { return workers_[draw(random_, 0, workers_.size() - 1)]; }

  /// Kills the worker. It is dead, and perhaps a zombie, when it was waited for.
  void kill(Worker& worker);
  /// The same, and starts another in its place. Returns the dead one.
  Child replace(Worker& worker);

  /// The ledger or the list of lives is nearly full: time for another round.
  [[nodiscard]] bool full() const;
  /// Calls returned, of each worker.
  [[nodiscard]] std::vector<std::uint64_t> turns() const;
  /// Waits until each has ended a call since `before`; who does not is stuck. Returns the last.
  std::string wait_until_all_went_on(const std::vector<std::uint64_t>& before);

  /// Ends the producers; then runs `check` beside the consumers, who take what is left; then shuts
  /// the ring, which ends them, and checks the ledger.
  void finish(const std::function<void()>& check = {});
  /// Waits for all, when the ring was shut, and checks the ledger. Items with numbers from
  /// `dropped` on may be missing.
  void finish_shut(std::uint64_t dropped = kNothing);

  /// Waits until it holds; counts `what` as stuck otherwise.
  void wait_until(const std::function<bool()>& holds, const std::string& what);
  void must(bool holds, const std::string& what) {
    if (!holds) report(what);
  }

 private:
  void make_segment(const ring::Options& options);
  void remove_name();
  void start(Worker& worker);
  void end(Worker& worker);
  void drain(bool to_be_dropped);
  [[nodiscard]] std::set<std::uint64_t> numbers_in_hand() const;
  void check_numbers(std::uint64_t dropped);
  void check_memory();
  void check_puts(const std::vector<std::uint64_t>& arrived, std::uint64_t missing);
  void report(const std::string& what);

  const Load& load_;
  Ledger& ledger_;
  Random& random_;
  Outcome& outcome_;
  std::string name_;  // in /dev/shm, while it has one
  std::shared_ptr<shm::Segment> segment_;
  std::unique_ptr<ring::Ring> ring_;
  std::vector<Worker> workers_;
  std::vector<std::uint64_t> killed_consumers_;  // lives
  std::uint64_t lives_ = 0;
};

}  // namespace shoal::chaos
