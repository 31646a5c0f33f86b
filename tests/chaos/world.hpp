// The world of one death: an object, who uses it, and what must be true of it afterwards.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "child.hpp"
#include "ring/ring.hpp"
#include "shm/segment.hpp"
#include "stepper.hpp"
#include "sync/barrier_core.hpp"
#include "sync/condition_core.hpp"
#include "sync/event_core.hpp"
#include "sync/lock_core.hpp"
#include "sync/semaphore_core.hpp"

namespace shoal::chaos {

/// What a model found wrong.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
/// Throws Violation where `holds` is false.
inline void must(bool holds, const std::string& what) {
  if (!holds) throw Violation(what);
}

/// An item of the ring: its bytes follow from these two.
struct Item {
  std::uint64_t id = 0;
  std::uint64_t size = 0;
  bool operator==(const Item&) const = default;
};
using Items = std::vector<Item>;
std::string to_string(const Items& items);
std::vector<std::byte> bytes_of(const Item& item);
Item item_of(std::span<const std::byte> bytes);

/// What a process tells the others about its part. In memory that all of them share.
struct Role {
  std::atomic<bool> begun;         ///< it is about to wait
  std::atomic<bool> done;          ///< its operation returned
  std::atomic<std::int64_t> when;  ///< at this time, in nanoseconds of the clock
  std::uint64_t number;            ///< of the item it got
  Item item;                       ///< that it got
};
struct Board {
  Role victim;
  Role survivor;
  std::array<Role, 4> sleepers;
  std::atomic<std::uint64_t> witness;
  std::atomic<bool> inside;  ///< somebody is in the lock
  std::atomic<bool> let_go;  ///< who holds something is to give it back
  std::atomic<std::int64_t> died;
  std::array<char, 1024> violation;
};

/// All that belongs to one operation and one death of it. Made by the supervisor before it forks
/// the victim, the sleepers and the survivor, who each have their copy of it; the segment and the
/// board they share.
struct World {
  explicit World(Board& shared_board) : board(shared_board) {}

  // ---- a ring, made by make_ring()
  void make_ring(std::uint64_t max_items = 0) { make_ring(ring::Options{max_items}); }
  void make_ring(const ring::Options& options);
  [[nodiscard]] shm::RingWords& ring_words() const { return segment->content<shm::RingWords>(); }
  bool put(const Item& item, os::Deadline deadline = os::Deadline::after(kDeadline)) const;
  /// One item with its number in the queue; nullopt when there was none until the deadline.
  struct Got {
    std::uint64_t number;
    Item item;
  };
  std::optional<Got> get(os::Deadline deadline = os::Deadline::after(kDeadline)) const;
  /// All that can be taken now.
  [[nodiscard]] Items take_all() const;
  /// Puts an item that is there before the operation begins.
  void already_there(const Item& item);
  /// What a victim does, step by step: nothing but the call, as each step takes its time. What it
  /// got stands in its role; size 0: nothing until the deadline.
  void victim_puts() const;
  void victim_gets(os::Deadline deadline = os::Deadline::after(kDeadline)) const;
  /// Says what it puts.
  void victim_will_put(const Item& item);
  /// Where the table of extents stands; it has memory where ring_words().extents is not 0.
  [[nodiscard]] std::uint64_t table_begin() const {
    return ring::Ring::segment_size({.joinable = ring_words().joinable != 0});
  }

  // ---- an object of sync/, made by one of these
  void make_lock(sync::LockCore::Type type = sync::LockCore::Type::kLock);
  void make_semaphore(const sync::SemaphoreCore::Options& options);
  void make_event();
  void make_condition();
  void make_barrier(std::uint64_t parties, std::uint32_t options = 0);
  /// Of a Lock, an RLock, or a condition.
  [[nodiscard]] shm::LockWords& lock_words() const {
    return lock->place().slot<shm::LockSlot>().lock;
  }
  sync::Taken acquire(os::Deadline deadline = os::Deadline::after(kDeadline)) const {
    return lock->acquire(deadline);
  }
  void release() const { lock->release(); }

  // ---- others
  /// The bytes in which a death may differ: what may be written, but not all of large payloads.
  [[nodiscard]] Watched watched() const;
  /// Starts a process that does `body` and is asleep in it when this returns. Its role is the next
  /// of board.sleepers.
  void park(const std::function<void(Role&)>& body);
  /// Waits for those; throws Violation for one that does not come back.
  void expect_sleepers_back();
  [[nodiscard]] std::size_t sleepers_back() const;
  /// Notes the time for the figures: the survivor has gone on.
  void went_on() const;

  Board& board;
  std::shared_ptr<shm::Segment> segment;
  std::unique_ptr<ring::Ring> ring;
  std::vector<ring::Lent> lent;  ///< by the ring to the supervisor
  std::shared_ptr<sync::LockCore> lock;
  std::shared_ptr<sync::SemaphoreCore> semaphore;
  std::shared_ptr<sync::EventCore> event;
  std::shared_ptr<sync::ConditionCore> condition;
  std::shared_ptr<sync::BarrierCore> barrier;
  std::span<const std::byte> slot;  ///< the bytes of that
  pid_t victim = 0;
  Items before;                        ///< in the ring when the operation begins
  std::uint64_t first_number = 0;      ///< of the first of them
  std::optional<Item> puts;            ///< what the victim puts
  std::vector<std::byte> bytes;        ///< of that
  std::uint64_t deaths_of_owners = 0;  ///< of the lock, the victim not counted
  bool victim_died_as_owner = false;   ///< of the lock
  std::uint64_t given = 0;             ///< permits or notifications, by the supervisor
  bool expects_help = false;           ///< the others wait for what the victim did not come to do
  bool party_died = false;             ///< of the barrier, and is to be found
  bool lets_go = false;                ///< the barrier, its lock in the hand of the victim
  Child owner;                         ///< of the lock, where it is neither victim nor supervisor
  std::string name;                    ///< in /dev/shm
  std::vector<Child> sleepers;
};

/// An operation and its surroundings. `operate` and `warm_up` run in the victim, `check` in
/// the survivor, the rest in the supervisor; each death anew.
struct Operation {
  std::string name;
  std::function<void(World&)> prepare{};       ///< makes the object
  std::function<void(World&)> operate{};       ///< in the victim, step by step
  std::function<void(World&)> check{};         ///< in the survivor, after the death
  std::function<void(World&)> gather{};        ///< parks sleepers, just before the first step
  std::function<void(World&)> while_asleep{};  ///< when the victim first sleeps
  std::function<void(World&)> warm_up{};       ///< in the victim, before the first step
  std::function<void(World&)> last_look{};     ///< when the victim stands still, before it dies
  std::function<void(World&)> at_death{};      ///< when the victim is dead, before the survivor
  std::function<void(World&)> tidy{};          ///< at the end
};

/// Longer than the steps up to the sleep take.
constexpr auto kInVain = std::chrono::milliseconds(60);

/// Throws Violation where it does not come to hold.
void wait_until(const std::function<bool()>& holds, const std::string& otherwise);

/// A word of a process that has died.
os::TaskWord word_of_a_dead_process();

std::vector<Operation> ring_operations();
std::vector<Operation> parcel_operations();
std::vector<Operation> batch_operations();
std::vector<Operation> tally_operations();
std::vector<Operation> redelivery_operations();
std::vector<Operation> shut_operations();
std::vector<Operation> signal_operations();
std::vector<Operation> memory_operations();
std::vector<Operation> extent_operations();
std::vector<Operation> waiting_operations();
std::vector<Operation> lock_operations();
std::vector<Operation> semaphore_operations();
std::vector<Operation> event_operations();
std::vector<Operation> condition_operations();
std::vector<Operation> barrier_operations();
std::vector<Operation> segment_operations();

}  // namespace shoal::chaos
