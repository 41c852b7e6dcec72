// Which layers each stage of a pipeline has. Tested by planner_stages_test.cc.

#pragma once

#include <vector>

#include "tutti/planner.h"

namespace tutti::planner {

/// Layers [first, end) of the model, numbered through its runs.
struct StageLayers {
  int first = 0;
  int end = 0;

  /// How many of the `run`-th run, whose first layer is `begin`.
  int of_run(int begin, int layers) const;
  bool operator==(const StageLayers&) const = default;
};

/// As many to each, the first ones one more.
std::vector<StageLayers> split_evenly(int layers, int stages);

/// In order, so that the largest sum is least: `costs` by layer, and what the first and the last
/// stage have beside their layers. Stages may be left without layers.
std::vector<StageLayers> split_balanced(const std::vector<double>& costs, double first, double last,
                                        int stages);

}  // namespace tutti::planner
