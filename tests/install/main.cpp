#include <cstdio>
#include <shoal/shoal.hpp>
#include <string>

void work(shoal::Queue<std::string> out, int n) {
  for (int i = 0; i < n; ++i) out.put("line " + std::to_string(i));
}

int main(int argc, char** argv) {
  shoal::init(argc, argv);
  shoal::Queue<std::string> queue(100);
  shoal::Process process({.name = "Worker-1", .start_method = shoal::StartMethod::spawn}, work,
                         queue, 3);
  process.start();
  for (int i = 0; i < 3; ++i) std::puts(queue.get().c_str());
  process.join();
  return process.exitcode().value_or(1);
}
