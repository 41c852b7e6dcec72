// Layouts that others trained with, and how fast: layouts.csv.
//
// Source: the benchmarks of Hugging Face's Ultra-Scale Playbook (benchmarks_interactive.html at
// vinjn/nanotron-ultrascale-playbook@924e4d0): nanotron, one iteration each, 8 to 256 H100 on AWS
// with EFA. Rows are those of at most 256 GPUs and 70 GiB that are within 1.5 times of the best
// repetition, and whose batch is right: 1,364.

#pragma once

#include <string>
#include <vector>

#include "tutti/planner.h"

namespace playbook {

using namespace tutti::planner;

struct MeasuredLayout {
  Problem problem;
  Layout layout;
  double tokens = 0;        // a second, of a device
  double memory = 0;        // bytes that the allocator had in use; 0: not known
  bool calibrates = false;  // by a hash of its line, half of them

  int ranks() const { return layout.ranks(); }
  /// What the bars are for.
  bool in_bar() const { return ranks() <= 128 && layout.tp <= 8; }
  std::string group() const { return problem.model.name + ", " + std::to_string(ranks()); }
};

/// Empty where there is no such file.
std::vector<MeasuredLayout> read_layouts(const std::string& path);

/// REQUIRES: the planner takes the layout, as it does all of the file.
Estimate estimate_with(const MeasuredLayout& row, const Efficiency& efficiency);

}  // namespace playbook
