// A worker: what runs in its process.
#pragma once

#include "inputs.hpp"
#include "messages.hpp"

#include <string>
#include <vector>

namespace logs {

/// Reads each task's file to its end, puts a Line for each line and a FileEnd or FileFailed for
/// the file, and a Note at the end of all.
void read_files(std::string process, const std::vector<Task>& tasks, Records records);

/// Makes up records for some seconds. They count as lines of a file of the worker's own.
void demonstrate(std::string process, double seconds, Records records);

}  // namespace logs
