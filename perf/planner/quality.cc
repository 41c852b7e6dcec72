#include "quality.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace playbook {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Errors errors_of(const std::vector<double>& ratios) {
  std::vector<double> off;
  for (const double ratio : ratios) off.push_back(std::abs(ratio - 1));
  const auto near = std::count_if(off.begin(), off.end(), [](double o) { return o <= 0.2; });
  const double share =
      off.empty() ? 0 : static_cast<double>(near) / static_cast<double>(off.size());
  return {static_cast<int>(off.size()), median(off), median(ratios), share};
}

}  // namespace

std::vector<Judged> judged(const std::vector<MeasuredLayout>& rows, const Efficiency& efficiency) {
  std::vector<Judged> all;
  for (const MeasuredLayout& row : rows) all.push_back({row, estimate_with(row, efficiency)});
  return all;
}

Errors speed_errors(const std::vector<Judged>& all, const Which& which) {
  std::vector<double> ratios;
  for (const Judged& one : all) {
    if (which(one)) ratios.push_back(one.ratio());
  }
  return errors_of(ratios);
}

Errors memory_errors(const std::vector<Judged>& all, const Which& which) {
  std::vector<double> ratios;
  for (const Judged& one : all) {
    if (which(one) && one.row.memory > 0) ratios.push_back(one.memory_ratio());
  }
  return errors_of(ratios);
}

std::vector<Choice> choices(const std::vector<Judged>& all, const Which& which) {
  std::map<std::pair<std::string, int>, Choice> groups;
  for (const Judged& one : all) {
    if (!which(one)) continue;
    Choice& choice = groups[{one.row.problem.model.name, one.row.ranks()}];
    choice.group = one.row.group();
    ++choice.rows;
    if (choice.best == nullptr || one.row.tokens > choice.best->row.tokens) choice.best = &one;
    if (!one.estimate.fits) continue;
    if (choice.taken == nullptr || one.predicted() > choice.taken->predicted()) choice.taken = &one;
  }
  std::vector<Choice> list;
  for (const auto& [key, choice] : groups) list.push_back(choice);
  return list;
}

double mean_regret(const std::vector<Choice>& choices) {
  double sum = 0;
  for (const Choice& choice : choices) sum += choice.regret();
  return sum / static_cast<double>(choices.size());
}

double median_regret(const std::vector<Choice>& choices) {
  std::vector<double> regrets;
  for (const Choice& choice : choices) regrets.push_back(choice.regret());
  return median(regrets);
}

}  // namespace playbook
