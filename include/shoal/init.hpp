// The line that main begins with: where children of spawn and forkserver enter.
#pragma once

namespace shoal {

/// Call it first in main:
///
///     int main(int argc, char** argv) {
///       shoal::init(argc, argv);
///
/// A process that spawn or forkserver made runs the same program again: in it this call runs the
/// target and never returns. In any other process it only takes note that it was called; what
/// stands before it in main runs in every child too. Without it start() by spawn or forkserver
/// throws ProcessError; fork does not need it.
///
/// In a program with raised rights (set-uid, set-gid, file capabilities) no process is ever taken
/// for a child, as its arguments are anybody's: start() by spawn or forkserver throws there.
void init(int& argc, char**& argv);

}  // namespace shoal
