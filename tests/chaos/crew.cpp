#include "crew.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <set>

namespace shoal::chaos {

namespace {
ring::Options options_of(const Load& load) {
  return {.max_items = load.max_items, .max_bytes = load.max_bytes};
}
}  // namespace

Crew::Crew(const Load& load, Ledger& ledger, Random& random, Outcome& outcome)
    : load_(load), ledger_(ledger), random_(random), outcome_(outcome) {
  segment_ = shm::Segment::create(
      shm::Kind::kQueue, "chaos", ring::Ring::segment_size(),
      [&](std::byte* base) { ring::Ring::initialise(base, options_of(load)); });
  ring_ = std::make_unique<ring::Ring>(segment_);
  for (std::size_t i = 0; i < load.producers; ++i) {
    workers_.push_back({.name = "producer " + std::to_string(i), .producer = true});
  }
  for (std::size_t i = 0; i < load.consumers; ++i) {
    workers_.push_back({.name = "consumer " + std::to_string(i), .producer = false});
  }
  for (auto& worker : workers_) start(worker);
}

void Crew::start(Worker& worker) {
  worker.life = lives_++;
  const std::uint64_t seed = random_();
  worker.child = Child::start([this, &worker, seed] {
    if (worker.producer) {
      produce(*ring_, ledger_, load_, worker.life, seed);
    } else {
      consume(*ring_, ledger_, load_, worker.life, seed);
    }
  });
}

Child Crew::replace(Worker& worker) {
  worker.child.kill();
  (worker.producer ? outcome_.producers_killed : outcome_.consumers_killed) += 1;
  if (!worker.producer) killed_consumers_.push_back(worker.life);
  Child dead = std::move(worker.child);
  start(worker);
  return dead;
}

bool Crew::full() const {
  return lives_ + 2 >= kMostLives || ring::Position(words().tail).items() > kRoundEndsAt;
}

std::vector<std::uint64_t> Crew::turns() const {
  std::vector<std::uint64_t> all;
  for (const auto& worker : workers_) all.push_back(ledger_.lives[worker.life].turns);
  return all;
}

std::string Crew::wait_until_all_went_on(const std::vector<std::uint64_t>& before) {
  const auto deadline = os::Deadline::after(kDeadline);
  std::string last = "nobody";
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const auto& turns = ledger_.lives[workers_[i].life].turns;
    while (turns <= before[i] && !full()) {
      last = workers_[i].name;
      ::usleep(20);
      if (!deadline.passed()) continue;
      ++outcome_.stuck;
      std::printf("STUCK (%s): %s, pid %d\n", load_.name, last.c_str(),
                  static_cast<int>(workers_[i].child.pid()));
      return last;
    }
  }
  return last;
}

void Crew::end(Worker& worker) {
  if (!worker.child.wait(os::Deadline::after(2 * kDeadline))) {
    ++outcome_.stuck;
    worker.child = Child();
  } else if (!worker.child.succeeded()) {
    report(worker.name + " did not end well");
  }
}

void Crew::finish() {
  ledger_.over = true;
  for (auto& worker : workers_) {
    if (worker.producer) end(worker);
  }
  for (std::size_t i = 0; i < load_.consumers; ++i) {
    if (!put_item(*ring_, kEnd, sizeof kEnd, os::Deadline::after(kDeadline))) ++outcome_.stuck;
  }
  for (auto& worker : workers_) {
    if (!worker.producer) end(worker);
  }
  drain();
  check_memory();
  check_numbers();
  outcome_.doubled += ledger_.faults.doubled;
  outcome_.others += ledger_.faults.torn + ledger_.faults.disordered;
  for (std::size_t life = 0; life < kMostLives; ++life) outcome_.stuck += ledger_.lives[life].stuck;
}

// Whatever consumers left behind the first end.
void Crew::drain() {
  const std::uint64_t counted = ring_->items();
  std::uint64_t left = 0;
  while (get_item(*ring_, ledger_, os::Deadline::now())) ++left;
  if (left != counted) {
    report("items() said " + std::to_string(counted) + ", there were " + std::to_string(left));
  }
}

void Crew::rest() {
  words().more = 1ULL << 40U;
  words().grown_at = 0;
}

// Nobody is left: nor is any of what they had.
void Crew::check_memory() {
  rest();
  get_item(*ring_, ledger_, os::Deadline::now());
  struct stat facts{};
  ::fstat(segment_->fd(), &facts);
  const auto kept = static_cast<std::uint64_t>(facts.st_blocks) * 512;
  if (kept > ring::Ring::segment_size() + ring::Extents::table_size()) {
    report(std::to_string(kept) + " bytes of memory are kept");
  }
}

void Crew::check_numbers() {
  std::set<std::uint64_t> witnesses;
  for (const auto life : killed_consumers_) witnesses.insert(ledger_.lives[life].witness);
  std::vector<std::uint64_t> arrived(kMostLives);
  std::uint64_t in_hand = 0;
  const std::uint64_t end = ring::Position(words().tail).items() - load_.consumers;
  for (std::uint64_t number = 0; number < end; ++number) {
    const std::uint64_t id = ledger_.got[number];
    if (id != 0) {
      ++arrived.at(life_of(id));
    } else if (witnesses.count(number) != 0) {
      ++in_hand;
    } else {
      ++outcome_.lost;
      report("item number " + std::to_string(number) + " is lost");
    }
  }
  outcome_.in_hand += in_hand;
  check_puts(arrived, in_hand);
}

void Crew::check_puts(const std::vector<std::uint64_t>& arrived, std::uint64_t in_hand) {
  std::uint64_t missing = 0;
  for (std::size_t life = 0; life < kMostLives; ++life) {
    const Life& one = ledger_.lives[life];
    if (one.begun == 0) continue;  // a consumer's
    outcome_.puts += one.done;
    if (arrived[life] < one.done) missing += one.done - arrived[life];
    if (arrived[life] > one.begun) report("more items arrived than were put");
  }
  if (missing <= in_hand) return;
  outcome_.lost += missing - in_hand;
  report("items whose put returned are in nobody's hand");
}

void Crew::report(const std::string& what) {
  ++outcome_.others;
  std::printf("WRONG (%s): %s\n", load_.name, what.c_str());
}

}  // namespace shoal::chaos
