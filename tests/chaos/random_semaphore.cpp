// Random deaths of those who hold a semaphore's permits, and of those who wait for one.
//
// After each death all that live end what they do and rest, so that the permits can be counted: a
// plain semaphore has lost one where the dead one had it, a tracked one none. Who is between
// acquire and release is noted in one word; there are never more of them than permits.
#include <array>
#include <atomic>
#include <bit>
#include <cstdio>
#include <memory>
#include <string>

#include "squad.hpp"
#include "sync/semaphore_core.hpp"

namespace shoal::chaos {
namespace {

constexpr std::size_t kWorkers = 4;
constexpr std::uint64_t kPermits = 2;
constexpr std::uint64_t kKillsInARound = 250;

enum Phase : std::uint64_t { kIdle, kChanges, kHas };

struct Page {
  std::array<std::atomic<std::uint64_t>, kWorkers> phase;
  std::atomic<std::uint64_t> inside;  ///< by place; the upper half: who is being killed
  std::atomic<std::uint64_t> acquired;
  std::atomic<std::uint64_t> too_many;  ///< inside, at once
};

constexpr std::uint64_t bit(std::size_t place) { return 1ULL << place; }
constexpr std::uint64_t dying_bit(std::size_t place) { return 1ULL << (place + 32); }

class Round {
 public:
  Round(bool tracked, Random& random, Tally& tally)
      : semaphore_(sync::SemaphoreCore::create({.value = kPermits, .tracked = tracked})),
        tally_(tally),
        squad_(kWorkers, random, tally, [this](std::size_t place, std::uint64_t life, Random& own) {
          live(place, life, own);
        }) {}

  void run(std::uint64_t kills) {
    for (std::uint64_t i = 0; i < kills && tally_.good(); ++i) {
      squad_.let_run();
      kill_one(squad_.any_place());
    }
    squad_.finish();
    expect_permits("at the end", 0, 0);
    tally_.must(page_->too_many == 0, "more are in than there are permits");
  }

  [[nodiscard]] std::uint64_t acquired() const { return page_->acquired; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  void live(std::size_t place, std::uint64_t life, Random& random) {
    auto& phase = page_->phase.at(place);
    for (; !squad_.over(); squad_.turn(life)) {
      const bool hasty = once_in(random, 8);
      const auto patience = hasty ? os::Nanoseconds(std::chrono::microseconds(300)) : kDeadline;
      phase = kChanges;
      const bool acquired = semaphore_->acquire(os::Deadline::after(patience));
      phase = acquired ? kHas : kIdle;
      if (acquired) {
        stay_inside(place, random);
        phase = kChanges;
        semaphore_->release(1);
        phase = kIdle;
      } else if (!hasty) {
        squad_.stuck(life);
      }
      some_work(random);
    }
  }

  void stay_inside(std::size_t place, Random& random) {
    const std::uint64_t now = page_->inside.fetch_or(bit(place)) | bit(place);
    const std::uint64_t alive = now & ~(now >> 32U) & 0xffffffffU;
    if (std::popcount(alive) > static_cast<int>(kPermits)) ++page_->too_many;
    ++page_->acquired;
    some_work(random);
    page_->inside.fetch_and(~bit(place));
  }

  void kill_one(std::size_t place) {
    page_->inside.fetch_or(dying_bit(place));
    squad_.kill(place, once_in(squad_.random(), 2) ? Squad::Way::kBlindly : Squad::Way::kAlone);
    page_->inside.fetch_and(~(bit(place) | dying_bit(place)));
    const auto phase = static_cast<Phase>(page_->phase[place].exchange(kIdle));
    squad_.replace(place);
    squad_.wait_until_all_went_on();
    squad_.pause();
    if (!tally_.good()) return squad_.go_on();
    if (semaphore_->tracked()) {
      expect_permits("after a death", 0, 0);
    } else {
      expect_permits("after a death", phase == kHas ? 1 : 0, phase == kIdle ? 0 : 1);
    }
    squad_.go_on();
  }

  // All rest. `least` to `most` of them are lost, and given back here.
  void expect_permits(const char* when, std::uint64_t least, std::uint64_t most) {
    const std::uint64_t there = semaphore_->value() + held_by_the_dead();
    tally_.must(there + least <= kPermits && there + most >= kPermits,
                std::string(when) + " there are " + std::to_string(there) + " permits");
    if (!tally_.good() || there == kPermits) return;
    lost_ += kPermits - there;
    semaphore_->release(kPermits - there);
  }

  [[nodiscard]] std::uint64_t held_by_the_dead() const {
    if (!semaphore_->tracked()) return 0;
    std::uint64_t held = 0;
    const auto& slot = semaphore_->place().slot<shm::TrackedSemaphoreSlot>();
    for (const auto& permit : slot.permits) {
      const os::TaskWord holder = permit;
      if (holder <= 1) continue;
      tally_.must(os::is_dead(holder), "a permit is held by one who rests");
      ++held;
    }
    return held;
  }

  std::shared_ptr<sync::SemaphoreCore> semaphore_;
  Tally& tally_;
  const SharedPages<Page> page_;
  Squad squad_;
  std::uint64_t lost_ = 0;
};

bool kill_around(bool tracked, const char* title, const Plan& plan) {
  Random random(plan.seed);
  Tally tally(title);
  std::uint64_t acquired = 0;
  std::uint64_t lost = 0;
  while (!plan.reached(tally.kills) && tally.good()) {
    Round round(tracked, random, tally);
    round.run(std::min<std::uint64_t>(plan.kills, kKillsInARound));
    acquired += round.acquired();
    lost += round.lost();
  }
  std::printf("chaos %s: %s, %zu acquired, %zu permits died with their holders; %s\n", title,
              tally.text().c_str(), static_cast<std::size_t>(acquired),
              static_cast<std::size_t>(lost), tally.stalls.text().c_str());
  return tally.good();
}

}  // namespace

bool kill_around_a_semaphore(const Plan& plan) { return kill_around(false, "semaphore", plan); }
bool kill_around_a_tracked_semaphore(const Plan& plan) {
  return kill_around(true, "tracked semaphore", plan);
}

}  // namespace shoal::chaos
