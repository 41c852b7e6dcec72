// Tested by cli_report_test.cc.

#include "cli/results.h"

#include <algorithm>
#include <set>

namespace tutti::cli {

std::string Row::algorithms() const {
  if (!out_of_place) return in_place ? in_place->algorithm : "";
  if (!in_place || in_place->algorithm == out_of_place->algorithm) return out_of_place->algorithm;
  return out_of_place->algorithm + "/" + in_place->algorithm;
}

int host_count(const std::vector<RankPlace>& ranks) {
  std::set<int> hosts;
  for (const RankPlace& place : ranks) hosts.insert(place.host_number);
  return static_cast<int>(hosts.size());
}

namespace {

void add_new(std::vector<std::string>& known, const std::string& name) {
  if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) return;
  known.push_back(name);
}

}  // namespace

Summary summarize(const std::vector<Row>& rows) {
  Summary summary;
  double busbw_sum = 0;
  int outcomes = 0;
  for (const Row& row : rows) {
    for (const auto& outcome : {row.out_of_place, row.in_place}) {
      if (!outcome) continue;
      summary.errors += outcome->errors.value_or(0);
      summary.checked = summary.checked || outcome->errors.has_value();
      busbw_sum += busbw(row.problem, outcome->time.median);
      ++outcomes;
      add_new(summary.algorithms, outcome->algorithm);
      add_new(summary.transports, outcome->transports);
    }
  }
  summary.average_busbw = outcomes == 0 ? 0 : busbw_sum / outcomes;
  return summary;
}

}  // namespace tutti::cli
