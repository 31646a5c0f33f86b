// bench_queue: named workloads, each in two or more processes. README.md in bench/ tells the
// method.
//
//   bench_queue --list
//   bench_queue --versions
//   bench_queue [--time SECONDS] [--warm-up SECONDS] [--pin sep|off]
//               [--scale tiny|usual|long] WORKLOAD/PEER...
//
// Prints a line for each figure: workload/peer, value and unit, with tabs between them.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "sample.hpp"

#ifdef SHOAL_BENCH_BOOST
#include <boost/version.hpp>
#endif
#ifdef SHOAL_BENCH_ZEROMQ
#include <zmq.h>
#endif

namespace {

using bench::Workload;

std::string name_of(const Workload& workload) { return workload.name + "/" + workload.peer; }

void run(const bench::Workloads& workloads, const std::string& name,
         const bench::Options& options) {
  const auto found = std::find_if(workloads.begin(), workloads.end(),
                                  [&](const Workload& one) { return name_of(one) == name; });
  if (found == workloads.end()) throw std::invalid_argument("no workload " + name);
  for (const auto& figure : found->run(options)) {
    std::printf("%s/%s\t%.6g\t%s\n", figure.workload.c_str(), found->peer.c_str(), figure.value,
                figure.unit);
  }
  std::fflush(stdout);  // or the next fork prints it again
}

bool pinned_by(const std::string& mode) {
  if (mode != "sep" && mode != "off") throw std::invalid_argument("--pin is sep or off");
  return mode == "sep";
}

bench::Scale scale_by(const std::string& name) {
  if (name == "tiny") return bench::Scale::kTiny;
  if (name == "usual") return bench::Scale::kUsual;
  if (name == "long") return bench::Scale::kLong;
  throw std::invalid_argument("--scale is tiny, usual or long");
}

// Of the peers that are there.
void print_versions() {
#ifdef SHOAL_BENCH_FASTER_FIFO
  std::puts("faster-fifo " SHOAL_BENCH_FASTER_FIFO " (C++ core)");
#endif
#ifdef SHOAL_BENCH_BOOST
  std::printf("Boost %d.%d.%d (C++)\n", BOOST_VERSION / 100000, BOOST_VERSION / 100 % 1000,
              BOOST_VERSION % 100);
#endif
#ifdef SHOAL_BENCH_ZEROMQ
  std::printf("ZeroMQ %d.%d.%d (C++)\n", ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH);
#endif
#ifdef SHOAL_BENCH_CPP_IPC
  std::puts("cpp-ipc " SHOAL_BENCH_CPP_IPC " (C++)");
#endif
}

void main_with(const std::vector<std::string>& arguments) {
  bench::Workloads workloads;
  bench::add_queues(workloads);
  bench::add_growth(workloads);
  bench::add_locks(workloads);
  bench::add_waits(workloads);
  bench::Options options;
  for (auto at = arguments.begin(); at != arguments.end(); ++at) {
    const auto value = [&]() -> const std::string& {
      if (++at == arguments.end()) throw std::invalid_argument(at[-1] + " needs a value");
      return *at;
    };
    if (*at == "--list") {
      for (const auto& workload : workloads) std::puts(name_of(workload).c_str());
    } else if (*at == "--versions") {
      print_versions();
    } else if (*at == "--time") {
      options.sample = bench::Seconds(std::stod(value()));
    } else if (*at == "--warm-up") {
      options.warm_up = bench::Seconds(std::stod(value()));
    } else if (*at == "--pin") {
      options.pinned = pinned_by(value());
    } else if (*at == "--scale") {
      options.scale = scale_by(value());
    } else {
      run(workloads, *at, options);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    main_with({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_queue: %s\n", error.what());
    return 1;
  }
}
