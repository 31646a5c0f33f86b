#include "process/child.hpp"

#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <utility>

#include "os/module.hpp"
#include "os/spawn.hpp"
#include "os/thread_end.hpp"
#include "process/line.hpp"
#include "process/runtime.hpp"

namespace shoal::process {
namespace {

// The child's end of its line, for a std::exit anywhere in the target.
os::Fd* line_of_this_child = nullptr;

// "std::runtime_error: disk full" of the exception that is being handled.
std::string describe_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    return os::type_name(typeid(error)) + ": " + error.what();
  } catch (...) {
    const auto* type = os::current_exception_type();
    return type == nullptr ? "an exception of another language" : os::type_name(*type);
  }
}

// Best effort: the parent learns the code from the kernel too.
void tell_parent(int code, const std::string& exception) noexcept {
  try {
    say(*line_of_this_child, Word::kEnd, code, exception);
  } catch (...) {
    return;
  }
}

// Statics and handlers of std::atexit that came with the fork belong to the parent: they are
// passed over, under every start method.
[[noreturn]] void leave(int code, const std::string& exception) noexcept {
  os::refuse_cancellation();  // unwinding from here on would end in std::terminate
  Runtime::current().finish();
  flush_standard_streams();
  tell_parent(code, exception);
  os::exit_now(code);
}

void leave_by_exit(int code) {
  constexpr int kCodes = 0xff;
  if (Runtime::current().is_child()) leave(code & kCodes, {});
}

std::string run_target(const std::string& name,
                       const std::function<std::unique_ptr<detail::Target>()>& make) {
  try {
    const auto target = make();
    target->run();
    return {};
  } catch (const os::ThreadEnd&) {
    // The thread has ended well, and as when the target returns, the process does not outlive it.
    leave(0, {});
  } catch (...) {
    std::string exception = describe_exception();
    flush_standard_streams();
    os::write_error("Process " + name + ": " + exception + "\n");
    return exception;
  }
}

}  // namespace

void flush_standard_streams() noexcept {
  std::fflush(stdout);
  std::fflush(stderr);
  try {
    for (std::ostream* stream : {&std::cout, &std::cerr, &std::clog}) stream->flush();
    for (std::wostream* stream : {&std::wcout, &std::wcerr, &std::wclog}) stream->flush();
  } catch (...) {
    return;  // the program asked its streams to throw
  }
}

void run_child(Beginning beginning,
               const std::function<std::unique_ptr<detail::Target>()>& make) noexcept {
  line_of_this_child = &beginning.line;
  Runtime::begin_child(beginning.birth, std::move(beginning.server));
  os::on_exit(&leave_by_exit);  // the last to be registered is the first to be called
  os::empty_standard_input();
  const std::string exception = run_target(beginning.birth.name, make);
  leave(exception.empty() ? 0 : 1, exception);
}

}  // namespace shoal::process
