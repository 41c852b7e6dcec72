// Times of one measurement, over iterations and ranks.

#pragma once

#include <string_view>
#include <vector>

namespace tutti::cli {

/// How the ranks' times of one iteration become one (-a, numbered as in nccl-tests).
enum class OverRanks { kRankZero, kAverage, kMin, kMax };

/// In µs.
struct Times {
  double min = 0;
  double median = 0;
  double max = 0;

  bool operator==(const Times&) const = default;
};

/// times[r * iterations + i] is rank r's time of iteration i. One figure per iteration.
std::vector<double> over_ranks(const std::vector<double>& times, int ranks, OverRanks how);

/// All zero when there are none.
Times summarize(std::vector<double> times);

std::string_view name(OverRanks how);

}  // namespace tutti::cli
