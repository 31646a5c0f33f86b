// Random deaths of producers and consumers of a ring that delivers again what the dead had in hand.
//
// Each item whose put returned is ended by somebody, at the latest by the supervisor at the end: by
// a note of that, or by one who was killed as it did it. None comes again that was noted as ended,
// and none comes more often than it says.
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <shoal/error.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "ring/ring.hpp"
#include "shm/segment.hpp"
#include "squad.hpp"

namespace shoal::chaos {
namespace {

constexpr std::size_t kProducers = 2;
constexpr std::size_t kWorkers = 5;
constexpr std::uint64_t kKillsInARound = 250;
constexpr std::uint64_t kMostIds = 4U << 20U;
constexpr std::uint64_t kLargest = 300'000;
constexpr std::uint64_t kMostItems = 64;  // in the ring
constexpr std::size_t kMostInHand = 3;    // of a process
constexpr os::Nanoseconds kPatience = kDeadline;

/// One item.
struct Note {
  std::atomic<std::uint32_t> got;
  std::atomic<bool> put;    ///< that returned
  std::atomic<bool> ended;  ///< task_done returned
};

struct Page {
  std::array<Note, kMostIds> notes;
  std::array<std::atomic<std::uint64_t>, Squad::kMostLives> ending;  ///< an id, by life; 0: none
  std::atomic<std::uint64_t> ids;
  std::atomic<std::uint64_t> again;       ///< came, and was noted as ended
  std::atomic<std::uint64_t> torn;        ///< another content than was put
  std::atomic<std::uint64_t> miscounted;  ///< came more often than it said
  std::atomic<std::uint64_t> redelivered;
};

std::shared_ptr<shm::Segment> new_segment(const ring::Options& options) {
  return shm::Segment::create(shm::Kind::kQueue, "chaos", ring::Ring::segment_size(options),
                              [&](std::byte* base) { ring::Ring::initialise(base, options); });
}

class Round {
 public:
  Round(Random& random, Tally& tally)
      : segment_(new_segment({.max_items = kMostItems, .redeliver = true})),
        ring_(segment_),
        tally_(tally),
        squad_(kWorkers, random, tally, [this](std::size_t place, std::uint64_t life, Random& own) {
          try {
            if (place < kProducers) {
              produce(life, own);
            } else {
              consume(life, own);
            }
          } catch (const ShutDown&) {  // it is over
          }
        }) {}

  void run(std::uint64_t kills) {
    for (std::uint64_t i = 0; i < kills && tally_.good() && page_->ids < kMostIds / 2; ++i) {
      squad_.let_run();
      const std::size_t place = once_in(squad_.random(), 4)
                                    ? squad_.any_place()
                                    : draw(squad_.random(), kProducers, kWorkers - 1);
      squad_.kill(place, once_in(squad_.random(), 2) ? Squad::Way::kBlindly : Squad::Way::kAlone);
      dead_.push_back(squad_.worker(place).life);
      squad_.replace(place);
      squad_.wait_until_all_went_on();
    }
    squad_.finish([this] { ring_.shut(false); });
    check();
  }

  [[nodiscard]] std::uint64_t items() const { return page_->ids; }
  [[nodiscard]] std::uint64_t redelivered() const { return page_->redelivered; }

 private:
  void produce(std::uint64_t life, Random& random) {
    std::vector<std::uint64_t> words(kLargest / 8);
    for (; !squad_.over(); squad_.turn(life)) {
      const std::uint64_t id = ++page_->ids;
      if (id >= kMostIds) return;
      const bool large = once_in(random, 50);
      const std::size_t count =
          large ? draw(random, ring::kFarFrom / 8, kLargest / 8) : draw(random, 1, 12);
      std::fill_n(words.begin(), count, id);
      const auto part = std::as_bytes(std::span(words).first(count));
      if (!ring_.put({&part, 1}, ring::Encoding::kPickle, os::Deadline::after(kPatience))) {
        return squad_.stuck(life);
      }
      page_->notes[id].put = true;
      if (once_in(random, 8)) some_work(random);
    }
  }

  void consume(std::uint64_t life, Random& random) {
    std::deque<std::uint64_t> in_hand;
    try {
      for (;; squad_.turn(life)) {
        const std::uint64_t id = take(os::Deadline::after(kPatience));
        if (id == 0) return squad_.stuck(life);
        in_hand.push_back(id);
        some_work(random);
        const std::size_t most = draw(random, 0, kMostInHand - 1);
        while (in_hand.size() > most) end(in_hand, life);
      }
    } catch (const ShutDown&) {
      while (!in_hand.empty()) end(in_hand, life);
    }
  }

  // The id of the next item, which is noted; 0 where none came.
  std::uint64_t take(os::Deadline deadline) {
    static std::vector<std::uint64_t> room(kLargest / 8);
    ring::Record record;
    const auto result = ring_.get(std::as_writable_bytes(std::span(room)), record, deadline);
    if (result != ring::Get::kDone) return 0;
    const std::uint64_t id = room[0];
    for (std::size_t i = 0; i < record.bytes / 8; ++i) page_->torn += room[i] != id ? 1 : 0;
    if (id == 0 || id >= kMostIds) {
      ++page_->torn;
      return 1;
    }
    Note& note = page_->notes[id];
    page_->again += note.ended ? 1 : 0;
    page_->miscounted += ++note.got > record.deliveries ? 1 : 0;
    page_->redelivered += record.deliveries > 1 ? 1 : 0;
    return id;
  }

  void end(std::deque<std::uint64_t>& in_hand, std::uint64_t life) {
    page_->ending[life] = in_hand.front();
    ring_.end_item();
    page_->notes[in_hand.front()].ended = true;
    page_->ending[life] = 0;
    in_hand.pop_front();
  }

  // What is left at the end is for the supervisor.
  void check() {
    if (tally_.stuck != 0) return;
    try {
      while (const std::uint64_t id = take(os::Deadline::now())) {
        tally_.must(!ring_.join(os::Deadline::now()), "join does not wait for what is in hand");
        ring_.end_item();
        page_->notes[id].ended = true;
      }
    } catch (const ShutDown&) {
    }
    tally_.must(ring_.join(os::Deadline::now()), "join waits for nothing");
    tally_.must(page_->again == 0, "what was done comes again");
    tally_.must(page_->torn == 0, "an item is torn");
    tally_.must(page_->miscounted == 0, "an item comes more often than it says");
    std::unordered_set<std::uint64_t> endings;
    for (const std::uint64_t life : dead_) endings.insert(page_->ending[life]);
    for (std::uint64_t id = 1; id <= page_->ids && id < kMostIds; ++id) {
      const Note& note = page_->notes[id];
      if (!note.put || note.ended || endings.contains(id)) continue;
      tally_.must(false, "item " + std::to_string(id) + " is lost");
    }
    check_memory();
  }

  // No extent is left with the dead.
  void check_memory() {
    auto& words = segment_->content<shm::RingWords>();
    words.more = 1U << 30U;
    words.grown_at = 0;
    ring_.shut(true);
    struct stat facts{};
    ::fstat(segment_->fd(), &facts);
    tally_.must(facts.st_blocks * 512 < 256 * 1024, "memory that nobody gave back");
  }

  std::shared_ptr<shm::Segment> segment_;
  ring::Ring ring_;
  Tally& tally_;
  const SharedPages<Page> page_;
  std::vector<std::uint64_t> dead_;  // lives
  Squad squad_;
};

}  // namespace

bool kill_around_a_redelivery(const Plan& plan) {
  Random random(plan.seed);
  Tally tally("redeliver");
  std::uint64_t items = 0;
  std::uint64_t redelivered = 0;
  while (!plan.reached(tally.kills) && tally.good()) {
    Round round(random, tally);
    round.run(std::min<std::uint64_t>(plan.kills, kKillsInARound));
    items += round.items();
    redelivered += round.redelivered();
  }
  std::printf("chaos redeliver: %s, %zu items, %zu delivered again; %s\n", tally.text().c_str(),
              static_cast<std::size_t>(items), static_cast<std::size_t>(redelivered),
              tally.stalls.text().c_str());
  return tally.good();
}

}  // namespace shoal::chaos
