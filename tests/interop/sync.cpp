// The C++ side of python/tests/test_interop_sync.py: does what each line of its standard input
// says, `NOUN VERB NAME`, and answers with a line. `make` makes the object, everything else opens
// it.
#include <iostream>
#include <map>
#include <mutex>
#include <shoal/shoal.hpp>
#include <sstream>
#include <string>

namespace {

std::string yes(bool value) { return value ? "yes" : "no"; }

std::string told(shoal::Acquired acquired) {
  return acquired.owner_died() ? "from the dead" : yes(static_cast<bool>(acquired));
}

// The object of that name, kept from line to line.
template <class Noun, class Make>
Noun& find(const std::string& verb, const std::string& name, Make make) {
  static std::map<std::string, Noun> known;
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  return known.emplace(name, verb == "make" ? make() : Noun::open(name)).first->second;
}

template <class Lock>
std::string lock(const std::string& verb, const std::string& name) {
  auto& lock = find<Lock>(verb, name, [&] { return Lock(name); });
  if (verb == "acquire") return told(lock.acquire());
  if (verb == "try") return told(lock.try_acquire());
  if (verb == "release") lock.release();
  return "done";
}

std::string semaphore(const std::string& verb, const std::string& name) {
  auto& semaphore = find<shoal::Semaphore>(verb, name, [&] {
    return shoal::Semaphore(shoal::SemaphoreOptions{.value = 1, .name = name});
  });
  if (verb == "acquire") semaphore.acquire();
  if (verb == "try") return yes(semaphore.try_acquire());
  if (verb == "release") semaphore.release();
  return std::to_string(semaphore.value());
}

std::string event(const std::string& verb, const std::string& name) {
  auto& event = find<shoal::Event>(verb, name, [&] { return shoal::Event(name); });
  if (verb == "wait") event.wait();
  if (verb == "set") event.set();
  if (verb == "clear") event.clear();
  return yes(event.is_set());
}

std::string condition(const std::string& verb, const std::string& name) {
  auto& condition = find<shoal::Condition>(verb, name, [&] { return shoal::Condition(name); });
  const std::scoped_lock guard(condition);
  if (verb == "wait") condition.wait();
  if (verb == "notify") condition.notify();
  return std::to_string(condition.waiting());
}

std::string barrier(const std::string& verb, const std::string& name) {
  auto& barrier = find<shoal::Barrier>(verb, name, [&] {
    return shoal::Barrier(shoal::BarrierOptions{.parties = 2, .name = name});
  });
  if (verb == "wait") return std::to_string(barrier.wait());
  if (verb == "abort") barrier.abort();
  return yes(barrier.broken());
}

std::string obey(const std::string& noun, const std::string& verb, const std::string& name) {
  if (noun == "Lock") return lock<shoal::Lock>(verb, name);
  if (noun == "RLock") return lock<shoal::RLock>(verb, name);
  if (noun == "Semaphore") return semaphore(verb, name);
  if (noun == "Event") return event(verb, name);
  if (noun == "Condition") return condition(verb, name);
  if (noun == "Barrier") return barrier(verb, name);
  return "no such noun";
}

}  // namespace

int main(int argc, char** argv) {
  shoal::init(argc, argv);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string noun;
    std::string verb;
    std::string name;
    words >> noun >> verb >> name;
    try {
      std::cout << obey(noun, verb, name) << std::endl;
    } catch (const std::exception& error) {
      std::cout << "error: " << error.what() << std::endl;
    }
  }
  return 0;
}
