// What a child is told about itself.
#pragma once

#include <cstdint>
#include <shoal/start_method.hpp>
#include <string>
#include <vector>

#include "os/task.hpp"

namespace shoal::process {

struct Birth {
  std::string name;
  bool daemon = false;
  std::vector<std::uint32_t> identity;  ///< the counts that make up "Process-1:2"
  StartMethod method = StartMethod::fork;
  os::TaskWord parent = 0;
  std::string parent_name;
};

}  // namespace shoal::process
