// The multi-process log collector in C++: README.md beside it tells what it does.
#include "crew.hpp"
#include "inputs.hpp"
#include "joined.hpp"
#include "log_file.hpp"
#include "options.hpp"
#include "parent.hpp"
#include "table.hpp"

#include <fmt/format.h>
#include <shoal/shoal.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <system_error>

namespace {

int run(const logs::Options& options) {
  logs::interrupt_on_signals();
  if (!options.join.empty()) return logs::join_as_worker(options);
  if (!options.collect.empty()) return logs::join_as_collector(options);

  logs::LogFile(options.output).flush();  // what cannot be written is said before all else
  logs::Inputs inputs;
  if (!options.demo) inputs = logs::find_inputs(options.files, options.output);
  logs::Crew crew(options, inputs);
  crew.run();
  const std::size_t files = options.demo ? options.workers : inputs.files.size();
  const bool whole = logs::print_result(crew, inputs, files);
  fmt::print("多进程日志收集演示完成\n查看 {} 文件获取详细日志\n", options.output);
  return whole ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  shoal::init(argc, argv);
  const logs::Options options = logs::parse_options(argc, argv);
  try {
    const int status = run(options);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      throw std::system_error(errno, std::generic_category(), "standard output");
    }
    return status;
  } catch (const shoal::Interrupted&) {
    if (options.join.empty()) fmt::print(stderr, "log_collector: interrupted\n");
    return 128 + logs::caught_signal();
  } catch (const std::exception& error) {
    fmt::print(stderr, "log_collector: {}\n", error.what());
    return 1;
  }
}
