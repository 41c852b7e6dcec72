// Finds the model that tells measurements best.
//
// Tested by fit_test.cc.

#pragma once

#include <span>
#include <vector>

#include "tuner/predict.h"

namespace tutti {

/// A call that was measured.
struct Point {
  Surroundings surroundings;  // its model does not matter
  Way way;
  std::size_t bytes = 0;
  double seconds = 0;
};

struct Fit {
  Model model;
  std::vector<double> ratios;  // predicted by measured, of each point
  double badness = 0;          // how far off they are together
};

/// Least squares of the logarithms of predicted by measured, large misses counting less than their
/// square; numbers stay positive and near `start` where points say little. Deterministic.
Fit fit(std::span<const Point> points, const Model& start);

}  // namespace tutti
