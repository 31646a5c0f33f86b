// Random deaths around a condition: of one that makes tokens and notifies, and of those who wait
// for them.
//
// The maker goes on when its tokens are taken, so each notification counts: were one swallowed, all
// would sleep. Where the victim had been notified and died before it knew, another goes on before
// anybody takes the victim's place. Tokens are counted exactly; what the dead left half done under
// the lock is settled by the next owner, who is told.
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "squad.hpp"
#include "sync/condition_core.hpp"

namespace shoal::chaos {
namespace {

using sync::Taken;

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kMaker = 0;  // its place
constexpr std::uint64_t kKillsInARound = 250;
constexpr std::size_t kAll = ~std::size_t{0};

struct Life {
  std::atomic<std::uint64_t> made;
  std::atomic<std::uint64_t> taken;
};

struct Page {
  std::array<Life, Squad::kMostLives> lives;
  std::atomic<std::uint64_t> met;    ///< a free lock, and somebody was in
  std::atomic<std::uint64_t> empty;  ///< below nothing
  // Under the lock:
  std::atomic<std::uint64_t> tokens;
  std::atomic<std::uint64_t> inside;  ///< life + 1 of who is in; 0: nobody
  std::atomic<std::uint64_t> tokens_before;
  std::atomic<std::uint64_t> made_before;
  std::atomic<std::uint64_t> taken_before;
  std::atomic<std::uint64_t> unnoted_made;  ///< by the dead, who did not come to count it
  std::atomic<std::uint64_t> unnoted_taken;
};

struct Sum {
  Tally tally{"condition"};
  std::uint64_t taken = 0;
  std::uint64_t handed_on = 0;  // notifications of the dead
};

class Round {
 public:
  Round(Random& random, Sum& sum)
      : condition_(sync::ConditionCore::create(std::shared_ptr<sync::LockCore>())),
        sum_(sum),
        squad_(kWorkers, random, sum.tally,
               [this](std::size_t place, std::uint64_t life, Random& own) {
                 if (place == kMaker) {
                   make(life, own);
                 } else {
                   take(life, own);
                 }
               }) {}

  void run(std::uint64_t kills) {
    for (std::uint64_t i = 0; i < kills && sum_.tally.good(); ++i) {
      squad_.let_run();
      kill_one(once_in(squad_.random(), 3) ? kMaker : some_called());
    }
    finish();
  }

 private:
  // ---- in a worker
  // From here on it is in; `told` that its owner died with the lock, it does what is left of that.
  void enter(std::uint64_t life, Taken taken) {
    if (taken == Taken::kFree && page_->inside != 0) ++page_->met;
    if (taken == Taken::kFromDead) {
      settle(*page_);
      if (page_->tokens != 0) condition_->notify(page_->tokens);
    }
    page_->tokens_before = page_->tokens.load();
    page_->made_before = page_->lives[life].made.load();
    page_->taken_before = page_->lives[life].taken.load();
    page_->inside = life + 1;
  }
  void leave() { page_->inside = 0; }

  static void settle(Page& page) {
    const std::uint64_t dead = page.inside;
    if (dead == 0) return;
    const Life& life = page.lives[dead - 1];
    // One that makes takes nothing, and the reverse.
    const std::uint64_t made = life.made - page.made_before;
    const std::uint64_t taken = life.taken - page.taken_before;
    if (page.tokens > page.tokens_before) {
      page.unnoted_made += page.tokens - page.tokens_before - made;
    } else {
      page.unnoted_taken += page.tokens_before - page.tokens - taken;
    }
    page.inside = 0;
  }

  void make(std::uint64_t life, Random& random) {
    for (; !squad_.over(); squad_.turn(life)) {
      enter(life, condition_->lock()->acquire(os::Deadline::never()));
      const std::uint64_t tokens = draw(random, 1, 3);
      const bool at_once = once_in(random, 4);
      for (std::uint64_t i = 0; i < tokens; ++i) {
        ++page_->tokens;
        ++page_->lives[life].made;
        if (!at_once) condition_->notify(1);
      }
      if (at_once) condition_->notify(once_in(random, 2) ? kAll : tokens);
      leave();
      condition_->lock()->release();
      const auto deadline = os::Deadline::after(kDeadline);
      squad_.wait_for([&] { return page_->tokens == 0 || deadline.passed(); });
      if (page_->tokens != 0 && !squad_.over()) squad_.stuck(life);
      // Often long enough for the others to fall asleep.
      work(once_in(random, 2) ? draw(random, 0, 300'000) : draw(random, 0, 1'000));
    }
  }

  void take(std::uint64_t life, Random& random) {
    const auto& lock = condition_->lock();
    while (!squad_.over()) {
      enter(life, lock->acquire(os::Deadline::never()));
      while (page_->tokens == 0 && !squad_.over()) {
        leave();
        const auto stay = condition_->begin();
        const bool hasty = once_in(random, 8);
        const auto patience = hasty ? os::Nanoseconds(std::chrono::microseconds(300)) : kDeadline;
        condition_->sleep(stay, os::Deadline::after(patience));
        enter(life, condition_->reacquire(stay));
        if (!condition_->leave(stay) && !hasty && !squad_.over()) squad_.stuck(life);
        squad_.turn(life);
      }
      if (page_->tokens != 0) {
        --page_->tokens;
        ++page_->lives[life].taken;
      }
      leave();
      lock->release();
      some_work(random);
    }
  }

  // ---- in the supervisor
  [[nodiscard]] const shm::SeatsWords& seats() const {
    return condition_->place().slot<shm::ConditionSlot>().seats;
  }

  static bool has(const shm::Seat& seat, sync::Seats::State state) {
    return (seat.state & 3U) == static_cast<std::uint32_t>(state);
  }

  // One that has been notified and does not know yet, where one is seen soon; else any.
  std::size_t some_called() {
    const std::size_t any = draw(squad_.random(), 1, kWorkers - 1);
    const auto deadline = os::Deadline::after(std::chrono::milliseconds(2));
    while (!deadline.passed()) {
      for (const auto& seat : seats().seats) {
        if (!has(seat, sync::Seats::State::kCalled)) continue;
        const pid_t pid = os::pid_of(seat.process);
        for (std::size_t place = 1; place < kWorkers; ++place) {
          if (squad_.worker(place).child.pid() == pid) return place;
        }
      }
    }
    return any;
  }

  void kill_one(std::size_t place) {
    const pid_t pid = squad_.worker(place).child.pid();
    bool must_hand_on = false;
    const auto look = [&] {
      bool called = false;
      std::size_t asleep = 0;
      for (const auto& seat : seats().seats) {
        if (seat.process == 0) continue;
        if (os::pid_of(seat.process) == pid) {
          called = called || has(seat, sync::Seats::State::kCalled);
        } else if (has(seat, sync::Seats::State::kWaits) && !os::is_dead(seat.process)) {
          ++asleep;
        }
      }
      must_hand_on = called && asleep != 0 && page_->tokens != 0;
    };
    squad_.kill(place, place != kMaker ? Squad::Way::kStopped : Squad::Way::kBlindly, look);
    if (must_hand_on) {
      ++sum_.handed_on;
      squad_.wait_until([&] { return page_->tokens == 0; }, "a notification of the dead");
    }
    squad_.replace(place);
    squad_.wait_until_all_went_on();
  }

  void finish() {
    squad_.finish([this] {
      if (condition_->lock()->acquire(os::Deadline::after(kDeadline)) == Taken::kFromDead) {
        settle(*page_);
      }
      condition_->notify(kAll);
      condition_->lock()->release();
    });
    std::uint64_t made = page_->unnoted_made;
    std::uint64_t taken = page_->unnoted_taken;
    for (const auto& life : page_->lives) {
      made += life.made;
      taken += life.taken;
    }
    sum_.taken += taken;
    sum_.tally.must(page_->met == 0, "two owners met");
    sum_.tally.must(made == taken + page_->tokens, std::to_string(made) + " tokens were made, " +
                                                       std::to_string(taken) + " taken, " +
                                                       std::to_string(page_->tokens) + " are left");
  }

  std::shared_ptr<sync::ConditionCore> condition_;
  Sum& sum_;
  const SharedPages<Page> page_;
  Squad squad_;
};

}  // namespace

bool kill_around_a_condition(const Plan& plan) {
  Random random(plan.seed);
  Sum sum;
  while (!plan.reached(sum.tally.kills) && sum.tally.good()) {
    Round(random, sum).run(std::min<std::uint64_t>(plan.kills, kKillsInARound));
  }
  std::printf("chaos condition: %s, %zu tokens, %zu notifications of the dead handed on; %s\n",
              sum.tally.text().c_str(), static_cast<std::size_t>(sum.taken),
              static_cast<std::size_t>(sum.handed_on), sum.tally.stalls.text().c_str());
  return sum.tally.good();
}

}  // namespace shoal::chaos
