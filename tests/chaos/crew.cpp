#include "crew.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <shoal/error.hpp>

namespace shoal::chaos {

Crew::Crew(const Load& load, Ledger& ledger, Random& random, Outcome& outcome)
    : load_(load), ledger_(ledger), random_(random), outcome_(outcome) {
  const ring::Options options{
      .max_items = load.max_items, .joinable = load.joinable, .max_bytes = load.max_bytes};
  make_segment(options);
  if (load.by_descriptor && !load.named) ring::Hold::make(*segment_);
  ring_ = std::make_unique<ring::Ring>(segment_);
  for (std::size_t i = 0; i < load.producers; ++i) {
    workers_.push_back({.name = "producer " + std::to_string(i), .producer = true});
  }
  for (std::size_t i = 0; i < load.consumers; ++i) {
    workers_.push_back({.name = "consumer " + std::to_string(i), .producer = false});
  }
  for (auto& worker : workers_) start(worker);
}

Crew::~Crew() { remove_name(); }

void Crew::make_segment(const ring::Options& options) {
  static int made = 0;
  const auto size = ring::Ring::segment_size(options);
  const auto init = [&](std::byte* base) { ring::Ring::initialise(base, options); };
  if (load_.named) name_ = "chaos-" + std::to_string(::getpid()) + "-" + std::to_string(++made);
  segment_ = load_.named ? shm::Segment::create_named(shm::Kind::kQueue, name_, size, init)
                         : shm::Segment::create(shm::Kind::kQueue, "chaos", size, init);
}

void Crew::remove_name() {
  if (!name_.empty()) shm::Segment::unlink(shm::Kind::kQueue, std::exchange(name_, {}));
}

void Crew::start(Worker& worker) {
  worker.life = lives_++;
  const Place place{*ring_, words(), ledger_, load_, worker.life, random_()};
  const bool producer = worker.producer;
  worker.child = Child::start([&] { producer ? produce(place) : consume(place); });
}

void Crew::kill(Worker& worker) {
  remove_name();
  worker.child.kill();
  (worker.producer ? outcome_.producers_killed : outcome_.consumers_killed) += 1;
  if (!worker.producer) killed_consumers_.push_back(worker.life);
}

Child Crew::replace(Worker& worker) {
  kill(worker);
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

void Crew::wait_until(const std::function<bool()>& holds, const std::string& what) {
  for (const auto deadline = os::Deadline::after(kDeadline); !holds(); ::usleep(20)) {
    if (!deadline.passed()) continue;
    ++outcome_.stuck;
    std::printf("STUCK (%s): %s\n", load_.name, what.c_str());
    return;
  }
}

void Crew::end(Worker& worker) {
  if (!worker.child.exists()) return;
  if (!worker.child.wait(os::Deadline::after(2 * kDeadline))) {
    ++outcome_.stuck;
    worker.child = Child();
  } else if (!worker.child.succeeded()) {
    report(worker.name + " did not end well");
  }
}

void Crew::finish(const std::function<void()>& check) {
  ledger_.over = true;
  for (auto& worker : workers_) {
    if (worker.producer) end(worker);
  }
  if (check) check();
  ring_->shut(false);
  finish_shut();
}

void Crew::finish_shut(std::uint64_t dropped) {
  for (auto& worker : workers_) end(worker);
  drain(dropped != kNothing);
  check_memory();
  check_numbers(dropped);
  outcome_.doubled += ledger_.faults.doubled;
  outcome_.others += ledger_.faults.torn + ledger_.faults.disordered;
  for (std::size_t life = 0; life < kMostLives; ++life) outcome_.stuck += ledger_.lives[life].stuck;
}

// What is left where no consumer came to the end.
void Crew::drain(bool to_be_dropped) {
  const std::uint64_t counted = ring_->items();
  std::uint64_t left = 0;
  try {
    while (get_item(*ring_, ledger_, os::Deadline::now())) ++left;
    report("a ring that is shut says that it is empty");
  } catch (const ShutDown&) {
  }
  if (left != counted && !to_be_dropped) {
    report("items() said " + std::to_string(counted) + ", there were " + std::to_string(left));
  }
}

namespace {
std::uint64_t memory_of(const shm::Segment& segment) {
  struct stat facts{};
  ::fstat(segment.fd(), &facts);
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}
}  // namespace

// Nobody is left: nor is any of what they had. Who shuts a ring at once looks after its memory.
void Crew::check_memory() {
  words().more = 1ULL << 40U;
  words().grown_at = 0;
  ring_->shut(true);
  const std::uint64_t least =
      ring::Ring::segment_size({.joinable = load_.joinable}) + ring::Extents::table_size();
  const auto kept = memory_of(*segment_);
  must(kept <= least, std::to_string(kept) + " bytes of memory are kept");
}

// All that they may have taken and not come to note.
std::set<std::uint64_t> Crew::numbers_in_hand() const {
  std::set<std::uint64_t> numbers;
  for (const auto life : killed_consumers_) {
    const Life& dead = ledger_.lives[life];
    if (dead.witness == kNothing) continue;
    for (std::uint64_t i = 0; i < dead.wanted; ++i) numbers.insert(dead.witness + i);
  }
  return numbers;
}

void Crew::check_numbers(std::uint64_t dropped) {
  const auto hands = numbers_in_hand();
  std::vector<std::uint64_t> arrived(kMostLives);
  std::vector<std::uint64_t> next(kMostLives);  // the least count to come
  std::uint64_t in_hand = 0;
  std::uint64_t missing = 0;
  const std::uint64_t end = ring::Position(words().tail).items();
  for (std::uint64_t number = 0; number < end; ++number) {
    const std::uint64_t id = ledger_.got[number];
    if (id != 0) {
      auto& least = next.at(life_of(id));
      if (count_of(id) < least) report("item number " + std::to_string(number) + " comes late");
      least = count_of(id) + 1;
      ++arrived.at(life_of(id));
      continue;
    }
    ++missing;
    if (hands.contains(number)) {
      ++in_hand;
    } else if (number < dropped) {
      ++outcome_.lost;
      report("item number " + std::to_string(number) + " is lost");
    }
  }
  outcome_.in_hand += in_hand;
  check_puts(arrived, missing);
}

// `missing`: as many numbers arrived nowhere.
void Crew::check_puts(const std::vector<std::uint64_t>& arrived, std::uint64_t missing) {
  std::uint64_t lacking = 0;
  for (std::size_t life = 0; life < kMostLives; ++life) {
    const Life& one = ledger_.lives[life];
    if (!one.producer) continue;
    outcome_.puts += one.done;
    if (arrived[life] < one.done) lacking += one.done - arrived[life];
    if (arrived[life] > one.begun) report("more items arrived than were put");
  }
  if (lacking <= missing) return;
  outcome_.lost += lacking - missing;
  report("items whose put returned have no number");
}

void Crew::report(const std::string& what) {
  ++outcome_.others;
  std::printf("WRONG (%s): %s\n", load_.name, what.c_str());
}

}  // namespace shoal::chaos
