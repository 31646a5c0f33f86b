// Processes are stopped at random moments, which is not death: nobody may take over from them.
// Until they go on, timed calls of the others end in time; then all go on.
#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "crew.hpp"
#include "stalls.hpp"

namespace shoal::chaos {
namespace {

constexpr auto kPatience = std::chrono::milliseconds(30);
constexpr Load kLoad{"2+2, stopped", 2, 2, 0, 4};  // large copies: it is often stopped in a lock
// A life of its own for what the supervisor puts: behind those of the crew.
constexpr std::uint64_t kOwnLife = kMostLives - 1;

struct Sum {
  Outcome outcome;
  std::uint64_t stops = 0;
  std::uint64_t in_a_lock = 0;
  Stalls late;        // how long after its deadline a timed call returned
  Stalls resumption;  // from SIGCONT until all had gone on
};

bool owns_a_lock(const Crew& crew, const Worker& worker) {
  const auto owns = [&](const shm::LockWords& lock) {
    return os::pid_of(lock.owner) == worker.child.pid();
  };
  return owns(crew.words().producers) || owns(crew.words().consumers);
}

template <class Call>
void timed(Sum& sum, const Call& call) {
  const auto begin = os::Clock::now();
  call(os::Deadline::after(kPatience));
  const auto late = os::Clock::now() - begin - kPatience;
  if (late > kDeadline) ++sum.outcome.stuck;
  sum.late.add(std::max<os::Nanoseconds>(late, os::Nanoseconds::zero()));
}

void stop_one(Crew& crew, Ledger& ledger, Sum& sum) {
  Worker& worker = crew.any();
  worker.child.send(SIGSTOP);
  worker.child.wait_stopped();
  ++sum.stops;
  sum.in_a_lock += owns_a_lock(crew, worker);
  timed(sum, [&](os::Deadline deadline) { get_item(crew.ring(), ledger, deadline); });
  timed(sum, [&](os::Deadline deadline) {
    Life& mine = ledger.lives[kOwnLife];
    mine.producer = true;
    mine.begun.fetch_add(1);
    mine.done.fetch_add(put_item(crew.ring(), id_of(kOwnLife, mine.done), 100, deadline) ? 1 : 0);
  });
  const auto before = crew.turns();
  const auto begin = os::Clock::now();
  worker.child.send(SIGCONT);
  crew.wait_until_all_went_on(before);
  sum.resumption.add(os::Clock::now() - begin);
}

}  // namespace

bool stop_around_a_ring(const Plan& plan) {
  Random random(plan.seed);
  Sum sum;
  while (!plan.reached(sum.stops) && sum.outcome.good()) {
    const SharedPages<Ledger> ledger;
    Crew crew(kLoad, *ledger, random, sum.outcome);
    for (std::uint64_t i = 0; i < plan.kills && !crew.full() && sum.outcome.good(); ++i) {
      ::usleep(static_cast<useconds_t>(draw(random, 0, 3000)));
      stop_one(crew, *ledger, sum);
    }
    crew.finish();
  }
  std::printf(
      "chaos stop: %zu stops (%zu in a lock), %zu puts, %zu lost, %zu doubled, %zu stuck, %zu "
      "other "
      "faults; timed calls came late by: %s; after SIGCONT: %s\n",
      static_cast<std::size_t>(sum.stops), static_cast<std::size_t>(sum.in_a_lock),
      static_cast<std::size_t>(sum.outcome.puts), static_cast<std::size_t>(sum.outcome.lost),
      static_cast<std::size_t>(sum.outcome.doubled), static_cast<std::size_t>(sum.outcome.stuck),
      static_cast<std::size_t>(sum.outcome.others), sum.late.text().c_str(),
      sum.resumption.text().c_str());
  return sum.outcome.good();
}

}  // namespace shoal::chaos
