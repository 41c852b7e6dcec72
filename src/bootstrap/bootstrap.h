// How ranks meet before there is any transport: a small all-gather of bytes.

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tutti/status.h"

namespace tutti {

using Deadline = std::chrono::steady_clock::time_point;

class Bootstrap {
 public:
  virtual ~Bootstrap() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  /// Gives every rank what every rank gave, in rank order; the lengths may differ. Collective.
  /// kTimeout names the ranks that are missing.
  virtual Result<std::vector<std::string>> all_gather(const std::string& mine,
                                                      Deadline deadline) = 0;
};

}  // namespace tutti
