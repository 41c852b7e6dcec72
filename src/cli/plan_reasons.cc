#include "cli/plan_reasons.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/plan_words.h"

namespace tutti::cli {
namespace {

using planner::Estimate;
using planner::Layout;
using planner::Part;
using planner::Plan;
using planner::Rival;

// Within this share of each other, estimates say nothing about which is faster.
constexpr double kAlike = 0.01;

long micro_batches(const planner::Problem& problem, const Layout& layout) {
  return problem.job.sequences() / (static_cast<long>(layout.dp) * layout.micro_batch);
}

// What a part of a step's time is, on this layout.
std::string meaning_of(std::string_view part, const planner::Problem& problem,
                       const Layout& layout) {
  if (part == "compute") {
    const long tokens = layout.micro_batch * problem.job.sequence / layout.cp;
    return fmt::format("computation, on micro-batches of {} tokens a device", tokens);
  }
  if (part == "recompute") {
    return fmt::format("recomputation ({})", name(layout.recomputation));
  }
  if (part == "tensor") {
    return fmt::format("communication among {} tensor parallel ranks", layout.tp);
  }
  if (part == "context") {
    return fmt::format("communication among {} context parallel ranks", layout.cp);
  }
  if (part == "pipeline") return "messages between the stages of the pipeline";
  if (part == "bubble") {
    return fmt::format("waiting in the pipeline: {} stages, {} micro-batches", layout.pp,
                       micro_batches(problem, layout));
  }
  if (part == "data") {
    return fmt::format(
        "gradients and weights on their way among {} ranks, as far as computation "
        "does not hide them",
        layout.dp * layout.cp);
  }
  if (part == "optimizer") return "the optimizer";
  return "what every step takes beside computation and communication";
}

std::string bound_by(const planner::Problem& problem, const Plan& plan) {
  std::vector<Part> all = parts(plan.estimate.times);
  std::sort(all.begin(), all.end(), [](const Part& a, const Part& b) { return a.value > b.value; });
  const double step = plan.estimate.times.step();
  return fmt::format(
      "It is bound by {}: {} of the step. Next is {}: {}.",
      meaning_of(all[0].name, problem, plan.layout), plan_percent(all[0].value / step),
      meaning_of(all[1].name, problem, plan.layout), plan_percent(all[1].value / step));
}

std::string memory_of(const planner::Problem& problem, const Plan& plan) {
  const Part most = largest(parts(plan.estimate.memory));
  return fmt::format("The fullest rank needs {} of {}, most of it {} ({}).",
                     plan_gib(plan.estimate.memory.total()), plan_gib(problem.machine.memory),
                     most.name, plan_gib(most.value));
}

// The part that the rival has most more of.
Part most_more(const Estimate& winner, const Estimate& rival) {
  std::vector<Part> all = parts(rival.times);
  const std::vector<Part> less = parts(winner.times);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].value -= less[i].value;
  return largest(all);
}

std::string by_goal(const PlanAnswer& answer, const Estimate& winner, const Estimate& rival) {
  const double longer = rival.times.step() / winner.times.step() - 1;
  const Part more = most_more(winner, rival);
  std::string text = "takes as long";
  if (longer > kAlike) {
    text = fmt::format("takes {} longer, most of it {} (+{})", plan_percent(longer), more.name,
                       plan_seconds(more.value));
  } else if (longer < -kAlike) {
    text = fmt::format("takes {} less time", plan_percent(-longer));
  }
  if (answer.settings.goal == planner::Goal::kEnergy) {
    text += fmt::format(", {:.3g} J a token instead of {:.3g}", rival.joules_per_token,
                        winner.joules_per_token);
  }
  return text + fmt::format(", and needs {}", plan_gib(rival.memory.total()));
}

std::string about(const PlanAnswer& answer, const Rival& rival) {
  const Plan& winner = answer.ranking.best.front();
  if (!rival.objection.empty()) {
    return fmt::format("With {} there is no layout: {}.", rival.change, rival.objection);
  }
  if (rival.smallest) {
    const Part most = largest(parts(rival.smallest->estimate.memory));
    return fmt::format("With {} nothing fits: {} at least, most of it {}.", rival.change,
                       plan_gib(rival.smallest->estimate.memory.total()), most.name);
  }
  return fmt::format("With {} the best, {}, {}.", rival.change, to_text(rival.best->layout),
                     by_goal(answer, winner.estimate, rival.best->estimate));
}

std::string margin(const PlanAnswer& answer) {
  const std::vector<Plan>& best = answer.ranking.best;
  const Estimate& first = best.front().estimate;
  std::string text = fmt::format("{} is best by {}: a step of {}, {} tokens/s, {:.1f} % MFU",
                                 to_text(best.front().layout), name(answer.settings.goal),
                                 plan_seconds(first.times.step()),
                                 plan_count(first.tokens_per_second), 100 * first.mfu);
  if (best.size() < 2 || answer.settings.goal != planner::Goal::kTime) return text + ".";
  const double ahead = best[1].estimate.times.step() / first.times.step() - 1;
  if (ahead < 0.0005) return text + "; the next takes as long.";
  return text + fmt::format("; the next takes {} longer.", plan_percent(ahead));
}

std::string sentence_of(const planner::Remedy& remedy) {
  return fmt::format("{} ({}, {} a step)", remedy.change, to_text(remedy.plan.layout),
                     plan_seconds(remedy.plan.estimate.times.step()));
}

}  // namespace

std::vector<std::string> plan_reasons(const PlanAnswer& answer) {
  const Plan& winner = answer.ranking.best.front();
  std::vector<std::string> lines = {margin(answer), bound_by(answer.problem, winner),
                                    memory_of(answer.problem, winner)};
  for (const Rival& rival : answer.rivals) lines.push_back(about(answer, rival));
  return lines;
}

std::vector<std::string> plan_misfit(const PlanAnswer& answer) {
  const Plan& smallest = answer.ranking.smallest.front();
  std::vector<std::string> lines;
  const std::string nothing =
      fmt::format("Nothing fits in {}", plan_gib(answer.problem.machine.memory));
  if (answer.remedies.empty()) {
    lines.push_back(nothing + ", nor would it with any one change that was tried.");
  } else {
    lines.push_back(fmt::format("{}; the smallest change that would help: {}.", nothing,
                                sentence_of(answer.remedies.front())));
  }
  const Part most = largest(parts(smallest.estimate.memory));
  lines.push_back(fmt::format("The layout that needs least, {}, needs {}, most of it {} ({}).",
                              to_text(smallest.layout), plan_gib(smallest.estimate.memory.total()),
                              most.name, plan_gib(most.value)));
  for (std::size_t i = 1; i < answer.remedies.size(); ++i) {
    lines.push_back(fmt::format("Or: {}.", sentence_of(answer.remedies[i])));
  }
  return lines;
}

}  // namespace tutti::cli
