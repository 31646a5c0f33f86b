// Random deaths of the parties of a barrier.
//
// All parties count their rounds. After a death the barrier breaks for all that live, and then all
// of them have the same count: nobody was let go alone. One that died elsewhere than at the barrier
// is missed by nobody but those who wait: then, and only then, the supervisor breaks it.
#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <shoal/error.hpp>
#include <string>

#include "squad.hpp"
#include "sync/barrier_core.hpp"

namespace shoal::chaos {
namespace {

constexpr std::size_t kParties = 4;
constexpr std::uint64_t kKillsInARound = 250;

struct Party {
  std::atomic<std::uint64_t> rounds;   ///< in this generation
  std::atomic<std::uint64_t> broken;   ///< the generation in which it saw that
  std::atomic<std::uint64_t> told_of;  ///< pid of the dead, as the message said; 0: aborted
};

struct Page {
  std::array<Party, kParties> parties;
  std::atomic<std::uint64_t> generation;  ///< from 1
  std::atomic<std::uint64_t> actions;     ///< in this generation
};

// "… process 123 died …"; 0: says nothing of the kind.
std::uint64_t pid_in(const std::string& message) {
  const std::string mark = "process ";
  const auto at = message.find(mark);
  return at == std::string::npos ? 0 : std::strtoull(&message[at + mark.size()], nullptr, 10);
}

class Round {
 public:
  Round(Random& random, Tally& tally)
      : barrier_(sync::BarrierCore::create(kParties, 0)),
        tally_(tally),
        squad_(kParties, random, tally, [this](std::size_t place, std::uint64_t life, Random& own) {
          live(place, life, own);
        }) {
    page_->generation = 1;
  }

  void run(std::uint64_t kills) {
    for (std::uint64_t i = 0; i < kills && tally_.good(); ++i) {
      squad_.let_run(i % 2 == 0 ? 2500 : 200);
      kill_one();
    }
    squad_.finish([this] { barrier_->abort(); });
  }

  [[nodiscard]] std::uint64_t rounds() const { return rounds_; }
  [[nodiscard]] std::uint64_t missed() const { return missed_; }

 private:
  void live(std::size_t place, std::uint64_t life, Random& random) {
    Party& mine = page_->parties.at(place);
    for (; !squad_.over(); squad_.turn(life)) {
      try {
        if (barrier_->arrive(os::Deadline::never()).acts) {
          ++page_->actions;
          some_work(random);
          barrier_->finish(true);
        }
        ++mine.rounds;
      } catch (const BrokenBarrier& error) {
        const std::uint64_t generation = page_->generation;
        mine.told_of = pid_in(error.what());
        mine.broken = generation;
        squad_.wait_for([&] { return page_->generation != generation; });
      }
      // Now and then the others wait so long for one that their watcher looks for the dead.
      if (once_in(random, 2)) nap(random, 5000);
      some_work(random);
    }
  }

  // Mostly one that waits, if one does.
  std::size_t some_place() {
    const auto waiters = barrier_->waiters();
    if (!waiters.empty() && !once_in(squad_.random(), 4)) {
      const int pid = waiters[draw(squad_.random(), 0, waiters.size() - 1)].pid;
      for (std::size_t place = 0; place < kParties; ++place) {
        if (squad_.worker(place).child.pid() == pid) return place;
      }
    }
    return squad_.any_place();
  }

  void kill_one() {
    const std::size_t place = some_place();
    const auto pid = static_cast<std::uint64_t>(squad_.worker(place).child.pid());
    squad_.kill(place, once_in(squad_.random(), 2) ? Squad::Way::kBlindly : Squad::Way::kAlone);
    bool aborted = false;
    squad_.wait_until(
        [&] {
          if (!aborted && only_the_dead_is_missing()) {
            aborted = true;
            barrier_->abort();
          }
          return is_broken_for_all_but(place);
        },
        "a party waits for the dead");
    check(place, pid, aborted);
    missed_ += aborted ? 1 : 0;
    if (!tally_.good()) return;
    begin_anew(place);
    squad_.wait_until_all_went_on();
  }

  // All that live wait, and none of those who wait is dead.
  [[nodiscard]] bool only_the_dead_is_missing() const {
    return barrier_->waiting() == kParties - 1 && barrier_->waiters().size() == kParties - 1;
  }

  [[nodiscard]] bool is_broken_for_all_but(std::size_t dead) const {
    for (std::size_t place = 0; place < kParties; ++place) {
      if (place != dead && page_->parties.at(place).broken != page_->generation) return false;
    }
    return true;
  }

  void check(std::size_t dead, std::uint64_t pid, bool aborted) {
    const auto& parties = page_->parties;
    const std::uint64_t rounds = parties[dead == 0 ? 1 : 0].rounds;
    for (std::size_t place = 0; place < kParties; ++place) {
      if (place == dead) continue;
      tally_.must(parties.at(place).rounds == rounds, "let go were some, turned away others");
      const std::uint64_t told_of = parties.at(place).told_of;
      tally_.must(told_of == pid || (aborted && told_of == 0),
                  "a party was told of the death of " + std::to_string(told_of) + ", not of " +
                      std::to_string(pid));
    }
    const std::uint64_t of_dead = parties.at(dead).rounds;
    tally_.must(of_dead <= rounds && of_dead + 1 >= rounds, "the dead one was let go alone");
    const std::uint64_t actions = page_->actions;
    tally_.must(actions >= rounds && actions <= rounds + 1,
                std::to_string(rounds) + " rounds, " + std::to_string(actions) + " actions");
    rounds_ += rounds;
  }

  void begin_anew(std::size_t place) {
    for (auto& party : page_->parties) party.rounds = 0;
    page_->actions = 0;
    barrier_->reset();
    ++page_->generation;
    squad_.replace(place);
  }

  std::shared_ptr<sync::BarrierCore> barrier_;
  Tally& tally_;
  const SharedPages<Page> page_;
  Squad squad_;
  std::uint64_t rounds_ = 0;
  std::uint64_t missed_ = 0;
};

}  // namespace

bool kill_around_a_barrier(const Plan& plan) {
  Random random(plan.seed);
  Tally tally("barrier");
  std::uint64_t rounds = 0;
  std::uint64_t missed = 0;
  while (!plan.reached(tally.kills) && tally.good()) {
    Round round(random, tally);
    round.run(std::min<std::uint64_t>(plan.kills, kKillsInARound));
    rounds += round.rounds();
    missed += round.missed();
  }
  std::printf("chaos barrier: %s, %zu rounds, %zu deaths that nobody saw; %s\n",
              tally.text().c_str(), static_cast<std::size_t>(rounds),
              static_cast<std::size_t>(missed), tally.stalls.text().c_str());
  return tally.good();
}

}  // namespace shoal::chaos
