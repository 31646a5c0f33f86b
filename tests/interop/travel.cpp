// The C++ side of python/tests/test_travel.py: takes one handle of each class from the queue behind
// the first three descriptors, uses each, and sends them back through the other one.
#include <array>
#include <chrono>
#include <cstdlib>
#include <shoal/shoal.hpp>
#include <span>
#include <string>
#include <tuple>

int main(int argc, char** argv) {
  using namespace shoal;
  using namespace std::chrono_literals;
  init(argc, argv);
  if (argc != 7) return 2;
  std::array<int, 6> fds{};
  for (std::size_t i = 0; i < fds.size(); ++i) fds.at(i) = std::atoi(argv[i + 1]);

  using Kit = std::tuple<Lock, RLock, Semaphore, BoundedSemaphore, Event, Condition, Barrier,
                         Queue<std::string>>;
  auto there = Queue<Kit>::attach(std::span(fds).first(3));
  auto back = Queue<Kit>::attach(std::span(fds).last(3));
  Kit kit = there.get();
  auto [lock, rlock, semaphore, bounded, event, condition, barrier, queue] = kit;
  lock.lock();
  rlock.lock();
  semaphore.acquire();
  bounded.acquire();
  event.set();
  condition.lock();
  queue.put("from C++");
  barrier.wait();
  back.put(kit);
  return queue.get_for(10s) == "end" ? 0 : 3;
}
