#include "planner/stages.h"

#include <algorithm>
#include <numeric>

namespace tutti::planner {
namespace {

// Fills stages up to `most`; the last layers may be left over.
std::vector<StageLayers> fill(const std::vector<double>& costs, double first, double last,
                              int stages, double most) {
  const int layers = static_cast<int>(costs.size());
  std::vector<StageLayers> split;
  int next = 0;
  for (int stage = 0; stage < stages; ++stage) {
    double sum = (stage == 0 ? first : 0) + (stage == stages - 1 ? last : 0);
    const int begin = next;
    while (next < layers && sum + costs[next] <= most) sum += costs[next++];
    split.push_back({begin, next});
  }
  return split;
}

}  // namespace

int StageLayers::of_run(int begin, int layers) const {
  return std::max(0, std::min(end, begin + layers) - std::max(first, begin));
}

std::vector<StageLayers> split_evenly(int layers, int stages) {
  std::vector<StageLayers> split;
  int first = 0;
  for (int stage = 0; stage < stages; ++stage) {
    const int end = first + layers / stages + (stage < layers % stages ? 1 : 0);
    split.push_back({first, end});
    first = end;
  }
  return split;
}

std::vector<StageLayers> split_balanced(const std::vector<double>& costs, double first, double last,
                                        int stages) {
  const int layers = static_cast<int>(costs.size());
  double low = std::max(first, last);
  double high = std::accumulate(costs.begin(), costs.end(), first + last);
  for (int i = 0; i < 40; ++i) {
    const double middle = (low + high) / 2;
    const bool enough = fill(costs, first, last, stages, middle).back().end == layers;
    (enough ? high : low) = middle;
  }
  return fill(costs, first, last, stages, high);
}

}  // namespace tutti::planner
