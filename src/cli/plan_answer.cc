// Tested by cli_plan_test.cc.

#include "cli/plan_answer.h"

#include <algorithm>
#include <chrono>

namespace tutti::cli {
namespace {

// So many are kept for one that is listed.
constexpr int kKept = 16;

bool is_variant(planner::Layout a, const planner::Layout& b) {
  a.order = b.order;
  a.chunks = b.chunks;
  return a == b;
}

void leave_out_variants(std::vector<planner::Plan>& plans, int most) {
  std::vector<planner::Plan> kept;
  for (const planner::Plan& plan : plans) {
    const bool known = std::any_of(kept.begin(), kept.end(), [&](const planner::Plan& other) {
      return is_variant(plan.layout, other.layout);
    });
    if (!known && static_cast<int>(kept.size()) < most) kept.push_back(plan);
  }
  plans = std::move(kept);
}

}  // namespace

Result<PlanAnswer> plan_training(const planner::Problem& problem,
                                 const planner::SearchSettings& settings) {
  const auto start = std::chrono::steady_clock::now();
  planner::SearchSettings more = settings;
  more.keep *= kKept;
  auto ranking = planner::search(problem, more);
  if (!ranking.ok()) return ranking.status();
  leave_out_variants(ranking->best, settings.keep);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  PlanAnswer answer{problem, settings, std::move(*ranking), taken.count()};
  if (answer.ranking.best.empty()) {
    answer.remedies = planner::remedies(problem, settings);
    return answer;
  }
  answer.rivals = planner::rivals(problem, settings, answer.ranking.best.front().layout);
  answer.what_ifs = planner::what_ifs(problem, settings);
  return answer;
}

Result<InferenceAnswer> plan_inference(const planner::InferenceProblem& problem,
                                       const planner::InferenceSettings& settings) {
  auto ranking = planner::search(problem, settings);
  if (!ranking.ok()) return ranking.status();
  InferenceAnswer answer{problem, settings, std::move(*ranking)};
  if (answer.ranking.best.empty()) {
    answer.remedies = planner::remedies(problem, settings);
  } else {
    answer.what_ifs = planner::what_ifs(problem, settings);
  }
  return answer;
}

}  // namespace tutti::cli
