#include <atomic>
#include <charconv>
#include <exception>
#include <optional>
#include <shoal/error.hpp>
#include <shoal/init.hpp>
#include <string_view>

#include "os/spawn.hpp"
#include "process/entry.hpp"

namespace shoal {
namespace process {
namespace {

std::atomic<bool> initialised{false};

std::string& name_of_program() {
  static auto* const name = new std::string("shoal");
  return *name;
}

// The descriptor after the marker; nullopt where the argument begins otherwise.
std::optional<int> descriptor_after(std::string_view marker, std::string_view argument) {
  if (!argument.starts_with(marker)) return std::nullopt;
  argument.remove_prefix(marker.size());
  int fd = -1;
  const auto [end, error] = std::from_chars(argument.begin(), argument.end(), fd);
  if (error != std::errc() || end != argument.end()) return -1;
  return fd;
}

[[noreturn]] void run(int fd, void (*enter)(os::Fd)) {
  try {
    if (fd > 2 && os::close_on_exec(fd)) enter(os::Fd(fd));
    os::write_error("shoal: this argument is for processes that shoal starts itself\n");
  } catch (const std::exception& error) {
    os::write_error("shoal: a process could not begin: " + std::string(error.what()) + "\n");
  }
  os::exit_now(1);
}

}  // namespace

void require_init(const std::string& process, const char* method) {
  if (os::has_raised_rights()) {
    throw ProcessError("cannot start " + process + " by " + method +
                       ": this program runs with raised rights (set-uid, set-gid or file "
                       "capabilities); use StartMethod::fork");
  }
  if (initialised.load()) return;
  throw ProcessError("cannot start " + process + " by " + method +
                     ": call shoal::init(argc, argv) first in main, so that the child can enter "
                     "there; or use StartMethod::fork");
}

const std::string& program_name() { return name_of_program(); }

}  // namespace process

void init(int& argc, char**& argv) {
  if (argc > 0) process::name_of_program() = argv[0];
  process::initialised.store(true);
  // Who runs a set-uid program must not choose what code of it is called with its rights.
  if (argc < 2 || os::has_raised_rights()) return;
  const std::string_view first = argv[1];
  if (const auto fd = process::descriptor_after(process::kChildMarker, first)) {
    process::run(*fd, &process::enter_spawned);
  }
  if (const auto fd = process::descriptor_after(process::kServerMarker, first)) {
    process::run(*fd, &process::serve);
  }
}

}  // namespace shoal
