// Random deaths of the one that sets and clears an event, and of those who wait for it.
//
// One that dies after it has set the event leaves it set: then all must go on without another. The
// event's own count tells how often it was set.
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "squad.hpp"
#include "sync/event_core.hpp"

namespace shoal::chaos {
namespace {

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kSetter = 0;  // its place
constexpr std::uint64_t kKillsInARound = 250;

struct Life {
  std::atomic<std::uint64_t> begun;  ///< sets
  std::atomic<std::uint64_t> done;   ///< of those
};

struct Page {
  std::array<Life, Squad::kMostLives> lives;
  std::atomic<std::uint64_t> woken;
  std::atomic<std::uint64_t> without;  ///< waits that returned without a set
};

class Round {
 public:
  Round(Random& random, Tally& tally)
      : event_(sync::EventCore::create()),
        tally_(tally),
        squad_(kWorkers, random, tally, [this](std::size_t place, std::uint64_t life, Random& own) {
          if (place == kSetter) {
            set(life, own);
          } else {
            wait(life, own);
          }
        }) {}

  void run(std::uint64_t kills) {
    for (std::uint64_t i = 0; i < kills && tally_.good(); ++i) {
      squad_.let_run();
      if (once_in(squad_.random(), 2)) {
        kill_setter();
      } else {
        squad_.kill(draw(squad_.random(), 1, kWorkers - 1), some_way());
      }
      for (std::size_t place = 0; place < kWorkers; ++place) {
        if (!squad_.worker(place).child.exists()) squad_.replace(place);
      }
      squad_.wait_until_all_went_on();
    }
    squad_.finish([this] { event_->set(); });
    tally_.must(page_->without == 0, "a wait returned without a set");
  }

  [[nodiscard]] std::uint64_t woken() const { return page_->woken; }
  [[nodiscard]] std::uint64_t left_set() const { return left_set_; }

 private:
  void set(std::uint64_t life, Random& random) {
    Life& mine = page_->lives[life];
    event_->clear();  // the one before may have died in between
    for (; !squad_.over(); squad_.turn(life)) {
      ++mine.begun;
      event_->set();
      ++mine.done;
      if (once_in(random, 4)) some_work(random);
      event_->clear();
      // Often long enough for the others to fall asleep.
      work(once_in(random, 2) ? draw(random, 0, 300'000) : draw(random, 0, 1'000));
    }
  }

  void wait(std::uint64_t life, Random& random) {
    for (; !squad_.over(); squad_.turn(life)) {
      const bool hasty = once_in(random, 8);
      const auto patience = hasty ? os::Nanoseconds(std::chrono::microseconds(300)) : kDeadline;
      const std::uint64_t before = state();
      const bool was_set = event_->wait(os::Deadline::after(patience));
      if (was_set) ++page_->woken;
      if (was_set && before % 2 == 0 && state() == before) ++page_->without;
      if (!was_set && !hasty) squad_.stuck(life);
      some_work(random);
    }
  }

  [[nodiscard]] std::uint64_t state() const { return event_->place().slot<shm::EventSlot>().state; }
  Squad::Way some_way() {
    return once_in(squad_.random(), 2) ? Squad::Way::kBlindly : Squad::Way::kAlone;
  }

  void kill_setter() {
    const Life& life = page_->lives[squad_.worker(kSetter).life];
    squad_.kill(kSetter, some_way());
    std::uint64_t done = unnoted_;
    for (const auto& one : page_->lives) done += one.done;
    const std::uint64_t sets = state() / 2;
    const std::uint64_t in_hand = life.begun - life.done;
    tally_.must(sets >= done && sets - done <= in_hand,
                std::to_string(done) + " sets were done, counted are " + std::to_string(sets));
    unnoted_ += sets - done;
    if (!event_->is_set()) return;
    ++left_set_;
    squad_.wait_until_all_went_on();  // who can: the setter's place is empty
  }

  std::shared_ptr<sync::EventCore> event_;
  Tally& tally_;
  const SharedPages<Page> page_;
  Squad squad_;
  std::uint64_t unnoted_ = 0;
  std::uint64_t left_set_ = 0;
};

}  // namespace

bool kill_around_an_event(const Plan& plan) {
  Random random(plan.seed);
  Tally tally("event");
  std::uint64_t woken = 0;
  std::uint64_t left_set = 0;
  while (!plan.reached(tally.kills) && tally.good()) {
    Round round(random, tally);
    round.run(std::min<std::uint64_t>(plan.kills, kKillsInARound));
    woken += round.woken();
    left_set += round.left_set();
  }
  std::printf("chaos event: %s, %zu waits that returned, %zu times left set by the dead; %s\n",
              tally.text().c_str(), static_cast<std::size_t>(woken),
              static_cast<std::size_t>(left_set), tally.stalls.text().c_str());
  return tally.good();
}

}  // namespace shoal::chaos
