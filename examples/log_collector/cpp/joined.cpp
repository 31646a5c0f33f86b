#include "joined.hpp"

#include "collector.hpp"
#include "escape.hpp"
#include "messages.hpp"
#include "parent.hpp"
#include "worker.hpp"

#include <fmt/format.h>
#include <shoal/process.hpp>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>
#include <vector>

namespace logs {
namespace {

Task parse_task(const std::string& text) {
  Task task;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, task.skip);
  if (error != std::errc() || rest == end || *rest != ':')
    throw std::invalid_argument("not LINES-TO-SKIP:PATH: " + text);
  task.file = escape(std::string_view(rest + 1, end));
  return task;
}

shoal::Process make_worker(const Options& options) {
  const shoal::ProcessOptions process{
      .name = options.name, .daemon = true, .start_method = options.start_method};
  const Records records = Records::open(options.join + ".records");
  if (options.demo)
    return shoal::Process(process, demonstrate, options.name, options.seconds, records);
  std::vector<Task> tasks;
  for (const std::string& file : options.files) tasks.push_back(parse_task(file));
  return shoal::Process(process, read_files, options.name, std::move(tasks), records);
}

}  // namespace

int join_as_worker(const Options& options) {
  const Parent driver;
  shoal::Process worker = make_worker(options);
  worker.start();
  fmt::print("{}\n", worker.pid().value_or(0));
  std::fflush(stdout);
  // Left alone, or interrupted: the daemon is terminated on the way out.
  while (!worker.join_for(std::chrono::seconds(1)))
    if (driver.is_gone()) return 1;
  const int code = worker.exitcode().value_or(1);
  return code < 0 ? 128 - code : code;
}

int join_as_collector(const Options& options) {
  collect({.output = options.output, .timeout = options.timeout, .pause_for = options.pause_for},
          {Records::open(options.collect + ".records"), Reports::open(options.collect + ".reports"),
           shoal::Lock::open(options.collect + ".gate")});
  return 0;
}

}  // namespace logs
