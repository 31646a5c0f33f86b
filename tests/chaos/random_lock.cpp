// Random deaths of those who own a lock, and of those who wait for it.
//
// Under the lock stand a counter, which is not atomic, and a note of who is in. Who gets a free
// lock must find nobody in. Who takes it over from the dead is told so, once for each death of an
// owner: the supervisor knows of it, as it looks at the owner word when nobody can change it.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "scenarios.hpp"
#include "shm/segment.hpp"
#include "stalls.hpp"
#include "sync/owner_lock.hpp"

namespace shoal::chaos {
namespace {

using sync::Taken;

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kMostLives = 1024;
constexpr std::uint64_t kKillsInARound = 250;

struct Life {
  std::atomic<std::uint64_t> begun;     ///< acquires
  std::atomic<std::uint64_t> returned;  ///< of those
  std::atomic<std::uint64_t> told;      ///< of a dead owner
  std::atomic<std::uint64_t> counted;   ///< times it moved the counter
  std::atomic<std::uint64_t> turns;
  std::atomic<bool> stuck;
};

struct Page {
  std::array<Life, kMostLives> lives;
  std::atomic<bool> over;
  std::atomic<std::uint64_t> met;  ///< a free lock, and somebody was in
  // Under the lock:
  volatile std::uint64_t counter;
  std::atomic<std::uint64_t> inside;  ///< life + 1 of who is in; 0: nobody
  std::atomic<std::uint64_t> counter_before;
  std::atomic<std::uint64_t> counted_before;
  std::uint64_t unnoted;  ///< times the dead moved the counter and did not come to count it
};

void work(std::uint64_t turns) {
  for (std::uint64_t i = 0; i < turns; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
}
// Mostly an instant, sometimes long enough for the others to fall asleep.
std::uint64_t some_work(Random& random) {
  if (once_in(random, 500)) return draw(random, 100'000, 1'000'000);
  return once_in(random, 20) ? draw(random, 1'000, 20'000) : draw(random, 0, 100);
}

// What a dead owner left half done.
void settle(Page& page) {
  const std::uint64_t dead = page.inside;
  if (dead == 0) return;
  const std::uint64_t moved = page.counter - page.counter_before;
  page.unnoted = page.unnoted + moved - (page.lives[dead - 1].counted - page.counted_before);
  page.inside = 0;
}

void go_in_and_out(Page& page, std::uint64_t life, Random& random) {
  Life& mine = page.lives[life];
  page.counter_before = page.counter;
  page.counted_before = mine.counted.load();
  page.inside = life + 1;
  const std::uint64_t seen = page.counter;
  work(some_work(random));
  page.counter = seen + 1;
  ++mine.counted;
  page.inside = 0;
}

void live(shm::Segment& segment, Page& page, std::uint64_t life, std::uint64_t seed) {
  Random random(seed);
  Life& mine = page.lives[life];
  sync::OwnerLock lock(segment.content<shm::LockSlot>().lock);
  shm::Spin spin;
  while (!page.over) {
    const bool hasty = once_in(random, 8);
    const auto patience = hasty ? os::Nanoseconds(std::chrono::microseconds(300)) : kDeadline;
    ++mine.begun;
    const Taken taken =
        lock.acquire(os::self(), segment.bounds(), os::Deadline::after(patience), spin);
    if (taken == Taken::kFree && page.inside != 0) ++page.met;
    if (taken == Taken::kFromDead) ++mine.told;
    ++mine.returned;
    if (taken == Taken::kFromDead) settle(page);
    if (taken != Taken::kNo) {
      go_in_and_out(page, life, random);
      if (once_in(random, 4)) {
        lock.release_if_held();
      } else {
        lock.release();
      }
    } else if (!hasty) {
      mine.stuck = true;
    }
    ++mine.turns;
    work(some_work(random));
  }
}

struct Sum {
  std::uint64_t kills = 0;
  std::uint64_t acquired = 0;
  std::uint64_t owners_died = 0;  // that the supervisor knows of
  std::uint64_t told = 0;
  std::uint64_t unsure = 0;  // owners that died between taking the lock and noting how
  std::uint64_t stuck = 0;
  std::uint64_t faults = 0;
  Stalls stalls;
  [[nodiscard]] bool good() const { return stuck + faults == 0; }
};

class Round {
 public:
  Round(Random& random, Sum& sum) : random_(random), sum_(sum) {
    segment_ = shm::Segment::create(shm::Kind::kLock, "chaos",
                                    shm::kHeaderRoom + sizeof(shm::LockSlot), [](std::byte*) {});
    for (auto& worker : workers_) start(worker);
  }

  // `exact`: each death of an owner is known.
  void run(std::uint64_t kills, bool exact) {
    for (std::uint64_t i = 0; i < kills && sum_.good(); ++i) {
      ::usleep(static_cast<useconds_t>(draw(random_, 0, 2500)));
      Worker& victim = workers_[draw(random_, 0, kWorkers - 1)];
      if (!exact) {
        kill_blindly(victim);
      } else if (once_in(random_, 2)) {
        kill_stopped(victim);
      } else {
        kill_alone(victim);
      }
    }
    finish(exact, kills);
  }

 private:
  struct Worker {
    std::uint64_t life = 0;
    Child child{};
  };

  [[nodiscard]] shm::LockWords& words() const { return segment_->content<shm::LockSlot>().lock; }

  void start(Worker& worker) {
    worker.life = lives_++;
    const std::uint64_t seed = random_();
    worker.child =
        Child::start([this, &worker, seed] { live(*segment_, *page_, worker.life, seed); });
  }

  // The victim cannot move any more and is alive: nobody takes over.
  void kill_stopped(Worker& victim) {
    victim.child.send(SIGSTOP);
    victim.child.wait_stopped();
    note_owner(victim);
    victim.child.kill();
    go_on(victim);
  }

  // The victim dies while it runs; the others cannot move.
  void kill_alone(Worker& victim) {
    for_others(victim, [](Worker& other) { other.child.send(SIGSTOP); });
    for_others(victim, [](Worker& other) { other.child.wait_stopped(); });
    work(draw(random_, 0, 50'000));
    const pid_t pid = victim.child.pid();
    victim.child.kill();
    victim.child.wait(os::Deadline::after(kDeadline));
    if (os::pid_of(words().owner) == pid) note_death(victim);
    for_others(victim, [](Worker& other) { other.child.send(SIGCONT); });
    go_on(victim);
  }

  void kill_blindly(Worker& victim) {
    victim.child.kill();
    go_on(victim);
  }

  template <class F>
  void for_others(const Worker& victim, const F& act) {
    for (auto& worker : workers_) {
      if (&worker != &victim) act(worker);
    }
  }

  void note_owner(const Worker& victim) {
    if (os::pid_of(words().owner) == victim.child.pid()) note_death(victim);
  }
  void note_death(const Worker& victim) {
    const Life& life = page_->lives[victim.life];
    ++sum_.owners_died;
    ++died_;
    // It may have been told of another death, and have died before it noted that.
    if (life.returned < life.begun) ++unsure_;
  }

  void go_on(Worker& victim) {
    ++sum_.kills;
    const auto begin = os::Clock::now();
    Child dead = std::move(victim.child);
    start(victim);
    std::array<std::uint64_t, kWorkers> before{};
    for (std::size_t i = 0; i < kWorkers; ++i) before[i] = turns(i);
    const auto deadline = os::Deadline::after(kDeadline);
    for (std::size_t i = 0; i < kWorkers; ++i) {
      while (turns(i) <= before[i]) {
        ::usleep(20);
        if (!deadline.passed()) continue;
        std::printf("STUCK: worker %zu at the lock, owner %d\n", i,
                    static_cast<int>(os::pid_of(words().owner)));
        ++sum_.stuck;
        return;
      }
    }
    sum_.stalls.add(os::Clock::now() - begin);
    dead.wait(os::Deadline::after(kDeadline));
  }

  [[nodiscard]] std::uint64_t turns(std::size_t i) const {
    return page_->lives[workers_[i].life].turns;
  }

  void finish(bool exact, std::uint64_t kills) {
    page_->over = true;
    for (auto& worker : workers_) {
      if (!worker.child.wait(os::Deadline::after(2 * kDeadline))) ++sum_.stuck;
      worker.child = Child();
    }
    shm::Spin spin;
    sync::OwnerLock lock(words());
    const Taken taken =
        lock.acquire(os::self(), segment_->bounds(), os::Deadline::after(kDeadline), spin);
    if (taken == Taken::kNo) ++sum_.stuck;
    if (taken == Taken::kFromDead) settle(*page_);
    std::uint64_t told = taken == Taken::kFromDead ? 1 : 0;
    std::uint64_t counted = page_->unnoted;
    for (const auto& life : page_->lives) {
      told += life.told;
      counted += life.counted;
      sum_.stuck += life.stuck;
    }
    sum_.told += told;
    sum_.unsure += unsure_;
    sum_.acquired += counted;
    fault_unless(page_->met == 0, "two owners met");
    fault_unless(page_->counter == counted, "the counter is " + std::to_string(page_->counter) +
                                                ", it was moved " + std::to_string(counted) +
                                                " times");
    const bool right = exact ? told <= died_ && told + unsure_ >= died_ : told <= kills;
    fault_unless(right, std::to_string(died_) + " owners died, told were " + std::to_string(told));
  }

  void fault_unless(bool holds, const std::string& what) {
    if (holds) return;
    ++sum_.faults;
    std::printf("WRONG (lock): %s\n", what.c_str());
  }

  Random& random_;
  Sum& sum_;
  const SharedPages<Page> page_;
  std::shared_ptr<shm::Segment> segment_;
  std::array<Worker, kWorkers> workers_;
  std::uint64_t lives_ = 0;
  std::uint64_t died_ = 0;
  std::uint64_t unsure_ = 0;
};

}  // namespace

bool kill_around_a_lock(const Plan& plan) {
  Random random(plan.seed);
  Sum sum;
  // In every fourth round deaths come without any stop, and are known only by their effect.
  for (std::size_t round = 0; !plan.reached(sum.kills) && sum.good(); ++round) {
    const bool exact = round % 4 != 3;
    Round(random, sum).run(std::min<std::uint64_t>(plan.kills, kKillsInARound), exact);
  }
  std::printf(
      "chaos lock: %zu kills, %zu acquired, %zu take-overs from the dead (%zu deaths of owners "
      "seen, "
      "%zu of them unsure), %zu faults, %zu stuck; %s\n",
      static_cast<std::size_t>(sum.kills), static_cast<std::size_t>(sum.acquired),
      static_cast<std::size_t>(sum.told), static_cast<std::size_t>(sum.owners_died),
      static_cast<std::size_t>(sum.unsure), static_cast<std::size_t>(sum.faults),
      static_cast<std::size_t>(sum.stuck), sum.stalls.text().c_str());
  return sum.good();
}

}  // namespace shoal::chaos
