#include "options.hpp"

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdlib>
#include <map>
#include <string>

namespace logs {
namespace {

const std::map<std::string, shoal::StartMethod> kStartMethods = {
    {"fork", shoal::StartMethod::fork},
    {"spawn", shoal::StartMethod::spawn},
    {"forkserver", shoal::StartMethod::forkserver},
};

// CLI::Range lets NaN through.
std::string is_a_number(const std::string& text) {
  return std::isnan(std::strtod(text.c_str(), nullptr)) ? text + " is no number" : "";
}

void add_options(CLI::App& app, Options& options, std::string& start_method) {
  app.add_option("FILE", options.files,
                 "logs, gzip'd ones too, and directories with all below; default: /var/log");
  app.add_option("--workers", options.workers, "number of worker processes")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--start-method", start_method, "fork, spawn or forkserver")
      ->capture_default_str()
      ->check(CLI::IsMember({"fork", "spawn", "forkserver"}));
  app.add_option("--output", options.output, "where the lines are appended")->capture_default_str();
  app.add_option("--timeout", options.timeout,
                 "seconds without a record after which the collector says so in the output")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 1e6))
      ->check(is_a_number);
  CLI::Option* const demo =
      app.add_flag("--demo", options.demo, "make up records instead of reading files");
  app.add_option("--seconds", options.seconds, "how long --demo goes on")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e6))
      ->check(is_a_number);
  app.add_flag("--kill-one", options.kill_one, "kill the worker with the most work, in mid-work")
      ->excludes(demo);
}

void add_hidden_options(CLI::App& app, Options& options) {
  app.add_option("--join", options.join)->group("");
  app.add_option("--collect", options.collect)->group("");
  app.add_option("--name", options.name)->group("");
  app.add_option("--pause-for", options.pause_for)->group("");
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  std::string start_method = "fork";
  CLI::App app("Collects the lines of many log files into one, in many processes.");
  add_options(app, options, start_method);
  add_hidden_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  if (options.files.empty() && options.join.empty()) options.files = {"/var/log"};
  options.start_method = kStartMethods.at(start_method);
  return options;
}

}  // namespace logs
