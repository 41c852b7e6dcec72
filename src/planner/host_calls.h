// Calls among ranks of one host of processors, as the tuner chooses them: how long they take there,
// and what they use of windows. What was asked is kept, for layouts ask the same again and again.
//
// Tested by train_auto_mesh_test.cc, against the trainer's own.

#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "tuner/choose.h"
#include "tutti/planner.h"

namespace tutti::planner {

/// By the bytes of the largest buffer: all ranks' parts together.
struct HostCall {
  Collective collective = Collective::kAllReduce;
  double bytes = 0;

  auto operator<=>(const HostCall&) const = default;
};

class HostCalls {
 public:
  explicit HostCalls(const MachineShape& machine) : machine_(machine) {}

  /// Of a call that all groups of so many ranks make at once, on cores that they share.
  double seconds(int ranks, const HostCall& call);

  /// Windows that the rank of a group touches most which makes these calls in turn, step by step.
  double window_bytes(int ranks, const std::vector<HostCall>& calls);

 private:
  Surroundings surroundings(int ranks, int cores) const;
  int cores_of(int ranks) const;

  const MachineShape& machine_;
  std::map<std::pair<int, std::vector<HostCall>>, double> windows_;
  std::map<std::pair<int, HostCall>, double> seconds_;
  std::map<int, std::unique_ptr<Chooser>> choosers_;  // by ranks
};

}  // namespace tutti::planner
