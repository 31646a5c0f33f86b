// Random deaths of those who own a Lock or an RLock, and of those who wait for it.
//
// Under the lock stand a counter, which is not atomic, and a note of who is in. Who gets a free
// lock must find nobody in. Who takes it over from the dead is told so, once for each death of an
// owner: the supervisor knows of it, as it looks at the owner word when nobody can change it.
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "squad.hpp"
#include "sync/lock_core.hpp"

namespace shoal::chaos {
namespace {

using sync::Taken;
using Type = sync::LockCore::Type;

constexpr std::size_t kWorkers = 4;
constexpr std::uint64_t kKillsInARound = 250;

struct Life {
  std::atomic<std::uint64_t> begun;     ///< acquires
  std::atomic<std::uint64_t> returned;  ///< of those
  std::atomic<std::uint64_t> told;      ///< of a dead owner
  std::atomic<std::uint64_t> counted;   ///< times it moved the counter
};

struct Page {
  std::array<Life, Squad::kMostLives> lives;
  std::atomic<std::uint64_t> met;    ///< a free lock, and somebody was in
  std::atomic<std::uint64_t> depth;  ///< an RLock that was not as deep as it was taken
  // Under the lock:
  volatile std::uint64_t counter;
  std::atomic<std::uint64_t> inside;  ///< life + 1 of who is in; 0: nobody
  std::atomic<std::uint64_t> counter_before;
  std::atomic<std::uint64_t> counted_before;
  std::uint64_t unnoted;  ///< times the dead moved the counter and did not come to count it
};

// What a dead owner left half done.
void settle(Page& page) {
  const std::uint64_t dead = page.inside;
  if (dead == 0) return;
  const std::uint64_t moved = page.counter - page.counter_before;
  page.unnoted = page.unnoted + moved - (page.lives[dead - 1].counted - page.counted_before);
  page.inside = 0;
}

struct Sum {
  explicit Sum(const char* title) : tally(title) {}
  Tally tally;
  std::uint64_t acquired = 0;
  std::uint64_t owners_died = 0;  // that the supervisor knows of
  std::uint64_t told = 0;
  std::uint64_t unsure = 0;  // owners that died between taking the lock and noting how
};

class Round {
 public:
  Round(Type type, Random& random, Sum& sum)
      : type_(type),
        lock_(sync::LockCore::create(type)),
        sum_(sum),
        squad_(kWorkers, random, sum.tally,
               [this](std::size_t, std::uint64_t life, Random& own) { live(life, own); }) {}

  // `exact`: each death of an owner is known.
  void run(std::uint64_t kills, bool exact) {
    for (std::uint64_t i = 0; i < kills && sum_.tally.good(); ++i) {
      squad_.let_run();
      const std::size_t place = squad_.any_place();
      const auto way = !exact                        ? Squad::Way::kBlindly
                       : once_in(squad_.random(), 2) ? Squad::Way::kStopped
                                                     : Squad::Way::kAlone;
      const pid_t victim = squad_.worker(place).child.pid();
      squad_.kill(place, way, [&] {
        if (os::pid_of(lock_->owner()) == victim) note_death(squad_.worker(place).life);
      });
      squad_.replace(place);
      squad_.wait_until_all_went_on();
    }
    finish(exact, kills);
  }

 private:
  // ---- in a worker
  void live(std::uint64_t life, Random& random) {
    Life& mine = page_->lives[life];
    for (; !squad_.over(); squad_.turn(life)) {
      const bool hasty = once_in(random, 8);
      const auto patience = hasty ? os::Nanoseconds(std::chrono::microseconds(300)) : kDeadline;
      ++mine.begun;
      const Taken taken = lock_->acquire(os::Deadline::after(patience));
      if (taken == Taken::kFree && page_->inside != 0) ++page_->met;
      if (taken == Taken::kFromDead) ++mine.told;
      ++mine.returned;
      if (taken == Taken::kFromDead) settle(*page_);
      if (taken != Taken::kNo) {
        go_in_and_out(life, random);
        release(random);
      } else if (!hasty) {
        squad_.stuck(life);
      }
      some_work(random);
    }
  }

  void go_in_and_out(std::uint64_t life, Random& random) {
    Life& mine = page_->lives[life];
    page_->counter_before = page_->counter;
    page_->counted_before = mine.counted.load();
    page_->inside = life + 1;
    const std::uint64_t seen = page_->counter;
    again(random);
    page_->counter = seen + 1;
    ++mine.counted;
    page_->inside = 0;
  }

  // Stays in; an RLock is taken some times more.
  void again(Random& random) {
    const std::uint64_t times = type_ == Type::kRLock ? draw(random, 0, 3) : 0;
    for (std::uint64_t i = 0; i < times; ++i) lock_->acquire(os::Deadline::never());
    if (lock_->depth() != times + 1) ++page_->depth;
    some_work(random);
    for (std::uint64_t i = 0; i < times; ++i) lock_->release();
  }

  void release(Random& random) {
    if (type_ == Type::kLock && once_in(random, 4)) {
      sync::OwnerLock(words()).release_if_held();  // as one releases who does not hold it
    } else {
      lock_->release();
    }
  }

  // ---- in the supervisor
  void note_death(std::uint64_t victim) {
    const Life& life = page_->lives[victim];
    ++sum_.owners_died;
    ++died_;
    // It may have been told of another death, and have died before it noted that.
    if (life.returned < life.begun) ++unsure_;
  }

  void finish(bool exact, std::uint64_t kills) {
    squad_.finish();
    Tally& tally = sum_.tally;
    const Taken taken = lock_->acquire(os::Deadline::after(kDeadline));
    if (taken == Taken::kNo) ++tally.stuck;
    if (taken == Taken::kFromDead) settle(*page_);
    std::uint64_t told = taken == Taken::kFromDead ? 1 : 0;
    std::uint64_t counted = page_->unnoted;
    for (const auto& life : page_->lives) {
      told += life.told;
      counted += life.counted;
    }
    sum_.told += told;
    sum_.unsure += unsure_;
    sum_.acquired += counted;
    tally.must(page_->met == 0, "two owners met");
    tally.must(page_->depth == 0, "a depth that is not the owner's");
    tally.must(page_->counter == counted, "the counter is " + std::to_string(page_->counter) +
                                              ", it was moved " + std::to_string(counted) +
                                              " times");
    const bool right = exact ? told <= died_ && told + unsure_ >= died_ : told <= kills;
    tally.must(right, std::to_string(died_) + " owners died, told were " + std::to_string(told));
  }

  [[nodiscard]] shm::LockWords& words() const { return lock_->place().slot<shm::LockSlot>().lock; }

  Type type_;
  std::shared_ptr<sync::LockCore> lock_;
  Sum& sum_;
  const SharedPages<Page> page_;
  Squad squad_;
  std::uint64_t died_ = 0;
  std::uint64_t unsure_ = 0;
};

bool kill_around(Type type, const char* title, const Plan& plan) {
  Random random(plan.seed);
  Sum sum(title);
  // In every fourth round deaths come without any stop, and are known only by their effect.
  for (std::size_t round = 0; !plan.reached(sum.tally.kills) && sum.tally.good(); ++round) {
    Round(type, random, sum)
        .run(std::min<std::uint64_t>(plan.kills, kKillsInARound), round % 4 != 3);
  }
  std::printf(
      "chaos %s: %s, %zu acquired, %zu take-overs from the dead (%zu deaths of owners seen, %zu of "
      "them unsure); %s\n",
      title, sum.tally.text().c_str(), static_cast<std::size_t>(sum.acquired),
      static_cast<std::size_t>(sum.told), static_cast<std::size_t>(sum.owners_died),
      static_cast<std::size_t>(sum.unsure), sum.tally.stalls.text().c_str());
  return sum.tally.good();
}

}  // namespace

bool kill_around_a_lock(const Plan& plan) { return kill_around(Type::kLock, "lock", plan); }
bool kill_around_an_rlock(const Plan& plan) { return kill_around(Type::kRLock, "rlock", plan); }

}  // namespace shoal::chaos
