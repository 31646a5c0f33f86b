#include "squad.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace shoal::chaos {

void Tally::must(bool holds, const std::string& what) {
  if (holds) return;
  ++faults;
  std::printf("WRONG (%s): %s\n", title.c_str(), what.c_str());
}

std::string Tally::text() const {
  return std::to_string(kills) + " kills, " + std::to_string(faults) + " faults, " +
         std::to_string(stuck) + " stuck";
}

void work(std::uint64_t turns) {
  for (std::uint64_t i = 0; i < turns; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
}

void some_work(Random& random) {
  if (once_in(random, 500)) return work(draw(random, 100'000, 1'000'000));
  work(once_in(random, 20) ? draw(random, 1'000, 20'000) : draw(random, 0, 100));
}

void nap(Random& random, std::uint64_t longest) {
  ::usleep(static_cast<useconds_t>(draw(random, 0, longest)));
}

Squad::Squad(std::size_t places, Random& random, Tally& tally, Body body)
    : random_(random), tally_(tally), body_(std::move(body)), workers_(places) {
  for (std::size_t i = 0; i < places; ++i) {
    workers_[i].place = i;
    start(workers_[i]);
  }
}

void Squad::start(Worker& worker) {
  worker.life = lives_++;
  const std::uint64_t seed = random_();
  worker.child = Child::start([this, &worker, seed] {
    Random random(seed);
    body_(worker.place, worker.life, random);
  });
}

void Squad::rest() { ::usleep(20); }

void Squad::turn(std::uint64_t life) {
  Life& mine = page_->lives[life];
  ++mine.turns;
  const std::uint64_t pause = page_->pauses;
  if (pause % 2 == 0) return;
  mine.rests = pause;
  while (page_->pauses == pause) rest();
}

void Squad::kill(std::size_t place, Way way, const std::function<void()>& look) {
  Worker& victim = workers_[place];
  const auto others = [&](const auto& act) {
    for (auto& worker : workers_) {
      if (&worker != &victim && worker.child.exists()) act(worker.child);
    }
  };
  if (way == Way::kStopped) {
    victim.child.send(SIGSTOP);
    victim.child.wait_stopped();
    if (look) look();
  } else if (way == Way::kAlone) {
    others([](Child& child) { child.send(SIGSTOP); });
    others([](Child& child) { child.wait_stopped(); });
    work(draw(random_, 0, 50'000));
  }
  turns_before_ = turns();
  killed_ = os::Clock::now();
  ++tally_.kills;
  victim.child.kill();
  victim.child.wait_dead();
  victim.dead = std::move(victim.child);
  victim.child = Child();
  if (way != Way::kAlone) return;
  if (look) look();
  others([](Child& child) { child.send(SIGCONT); });
}

std::vector<std::uint64_t> Squad::turns() const {
  std::vector<std::uint64_t> all;
  for (const auto& worker : workers_) all.push_back(page_->lives[worker.life].turns);
  return all;
}

bool Squad::wait_until(const std::function<bool()>& holds, const std::string& what) {
  const auto deadline = os::Deadline::after(kDeadline);
  while (!holds()) {
    rest();
    if (!deadline.passed()) continue;
    ++tally_.stuck;
    std::printf("STUCK (%s): %s\n", tally_.title.c_str(), what.c_str());
    return false;
  }
  return true;
}

void Squad::wait_until_all_went_on() {
  for (auto& worker : workers_) {
    if (!worker.child.exists()) continue;
    // The one in the victim's place has a count of its own.
    const std::uint64_t before = worker.dead.exists() ? 0 : turns_before_[worker.place];
    wait_until([&] { return page_->lives[worker.life].turns > before; },
               "worker " + std::to_string(worker.place));
  }
  tally_.stalls.add(os::Clock::now() - killed_);
  for (auto& worker : workers_) {
    if (worker.child.exists()) worker.dead = Child();
  }
}

void Squad::pause() {
  const std::uint64_t pause = ++page_->pauses;
  for (const auto& worker : workers_) {
    if (!worker.child.exists()) continue;
    wait_until([&] { return page_->lives[worker.life].rests == pause; },
               "worker " + std::to_string(worker.place) + ", before a pause");
  }
}

void Squad::finish(const std::function<void()>& help) {
  page_->over = true;
  for (auto& worker : workers_) {
    const auto deadline = os::Deadline::after(2 * kDeadline);
    while (help && state_of(worker.child.pid()) != 'Z' && !deadline.passed()) {
      help();
      rest();
    }
    if (!worker.child.wait(deadline)) ++tally_.stuck;
    tally_.must(worker.child.succeeded(), "a worker failed");
    worker.child = Child();
    worker.dead = Child();
  }
  for (const auto& life : page_->lives) tally_.stuck += life.stuck;
}

}  // namespace shoal::chaos
