// Processes that do the same again and again until they are killed, and others in their places.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "scenarios.hpp"
#include "stalls.hpp"

namespace shoal::chaos {

/// What came of a scenario.
struct Tally {
  explicit Tally(std::string name) : title(std::move(name)) {}
  /// Counts and prints what is false.
  void must(bool holds, const std::string& what);
  [[nodiscard]] bool good() const { return stuck + faults == 0; }
  /// "2100 kills, 0 faults, 0 stuck"
  [[nodiscard]] std::string text() const;

  std::string title;
  std::uint64_t kills = 0;
  std::uint64_t stuck = 0;
  std::uint64_t faults = 0;
  Stalls stalls;
};

/// Turns of an empty loop.
void work(std::uint64_t turns);
/// Mostly an instant, sometimes long enough for others to fall asleep.
void some_work(Random& random);
/// Does nothing for up to `longest` microseconds.
void nap(Random& random, std::uint64_t longest);

class Squad {
 public:
  static constexpr std::size_t kMostLives = 1024;
  /// A process in a place. It calls turn() often, and ends when over().
  struct Worker {
    std::size_t place = 0;
    std::uint64_t life = 0;  ///< counts all processes of the squad
    Child child{};
    Child dead{};  ///< who was there before, perhaps a zombie
  };
  using Body = std::function<void(std::size_t place, std::uint64_t life, Random& random)>;

  Squad(std::size_t places, Random& random, Tally& tally, Body body);

  // ---- in a worker
  [[nodiscard]] bool over() const { return page_->over; }
  /// A turn has ended: it goes on. Rests here while the supervisor has made a pause.
  void turn(std::uint64_t life);
  /// Until it holds or over().
  template <class F>
  void wait_for(const F& holds) const {
    while (!over() && !holds()) rest();
  }
  /// A call came to kDeadline.
  void stuck(std::uint64_t life) { page_->lives[life].stuck = true; }

  // ---- in the supervisor
  [[nodiscard]] Worker& worker(std::size_t place) { return workers_[place]; }
  [[nodiscard]] std::size_t places() const { return workers_.size(); }
  [[nodiscard]] std::uint64_t lives() const { return lives_; }
  [[nodiscard]] Random& random() { return random_; }

  enum class Way : std::uint8_t {
    kBlindly,  ///< as it runs
    kStopped,  ///< `look` runs when it cannot move any more, and lives
    kAlone,    ///< as it runs; `look` runs when it is dead, and the others cannot move
  };
  /// Up to 2.5 ms, or so many microseconds.
  void let_run(std::uint64_t longest = 2500) { nap(random_, longest); }
  std::size_t any_place() { return draw(random_, 0, workers_.size() - 1); }
  /// Kills who is in that place; it is dead when this returns.
  void kill(std::size_t place, Way way, const std::function<void()>& look = {});
  /// Puts another there.
  void replace(std::size_t place) { start(workers_[place]); }
  /// Waits until all that live have ended a turn since the kill.
  void wait_until_all_went_on();
  /// Waits until it holds. Counts `what` as stuck otherwise, and returns false.
  bool wait_until(const std::function<bool()>& holds, const std::string& what);

  /// All that live rest between two turns until go_on().
  void pause();
  void go_on() { ++page_->pauses; }
  /// Ends all; `help`: again and again, until they have ended.
  void finish(const std::function<void()>& help = {});

 private:
  struct Life {
    std::atomic<std::uint64_t> turns;
    std::atomic<std::uint64_t> rests;  ///< in this pause
    std::atomic<bool> stuck;
  };
  struct Page {
    std::array<Life, kMostLives> lives;
    std::atomic<std::uint64_t> pauses;  ///< odd: there is one
    std::atomic<bool> over;
  };

  static void rest();
  void start(Worker& worker);
  [[nodiscard]] std::vector<std::uint64_t> turns() const;

  Random& random_;
  Tally& tally_;
  Body body_;
  const SharedPages<Page> page_;
  std::vector<Worker> workers_;
  std::uint64_t lives_ = 0;
  std::vector<std::uint64_t> turns_before_;
  os::Clock::time_point killed_;
};

}  // namespace shoal::chaos
