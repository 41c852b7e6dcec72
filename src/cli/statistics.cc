// Tested by cli_statistics_test.cc.

#include "cli/statistics.h"

#include <algorithm>
#include <cstddef>

namespace tutti::cli {
namespace {

double combine(const std::vector<double>& values, OverRanks how) {
  switch (how) {
    case OverRanks::kRankZero:
      return values[0];
    case OverRanks::kMin:
      return *std::min_element(values.begin(), values.end());
    case OverRanks::kMax:
      return *std::max_element(values.begin(), values.end());
    case OverRanks::kAverage:
      break;
  }
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<double> over_ranks(const std::vector<double>& times, int ranks, OverRanks how) {
  const std::size_t iterations = times.size() / static_cast<std::size_t>(ranks);
  std::vector<double> result(iterations);
  std::vector<double> column(static_cast<std::size_t>(ranks));
  for (std::size_t i = 0; i < iterations; ++i) {
    for (std::size_t rank = 0; rank < column.size(); ++rank) {
      column[rank] = times[rank * iterations + i];
    }
    result[i] = combine(column, how);
  }
  return result;
}

Times summarize(std::vector<double> times) {
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  const std::size_t middle = times.size() / 2;
  const double median =
      times.size() % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  return {times.front(), median, times.back()};
}

std::string_view name(OverRanks how) {
  switch (how) {
    case OverRanks::kRankZero:
      return "rank 0";
    case OverRanks::kAverage:
      return "average";
    case OverRanks::kMin:
      return "minimum";
    case OverRanks::kMax:
      return "maximum";
  }
  return "";
}

}  // namespace tutti::cli
