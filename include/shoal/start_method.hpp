// How a child process comes into being.
#pragma once

namespace shoal {

/// Python's three. What a child has besides its target and arguments:
enum class StartMethod {
  fork,        ///< a copy of everything in the parent, but of its threads only the one that started
  spawn,       ///< nothing: a fresh run of the program, entered at shoal::init
  forkserver,  ///< what a helper process has, which ran the program up to shoal::init once; its
               ///< working directory, environment and standard streams are those of the first start
};

/// The method of processes whose options name none, fork at first. A child's is the one by which
/// it was started.
void set_start_method(StartMethod method) noexcept;
[[nodiscard]] StartMethod get_start_method() noexcept;

}  // namespace shoal
