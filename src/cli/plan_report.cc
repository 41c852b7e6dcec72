#include "cli/plan_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/plan_reasons.h"
#include "cli/plan_words.h"

namespace tutti::cli {
namespace {

using planner::Layout;
using planner::Plan;

constexpr std::size_t kBars = 5;
constexpr double kClearlyMore = 0.025;  // of MFU

std::string head(const planner::ModelShape& model, const planner::MachineShape& machine) {
  return fmt::format("{}\n{} x {}, {} device{} of each: {}\n", plan_model_line(model),
                     machine.nodes, machine.name, machine.devices, machine.devices > 1 ? "s" : "",
                     machine.ranks());
}

std::string looked_at(const PlanAnswer& answer) {
  const planner::Job& job = answer.problem.job;
  return fmt::format(
      "a step: {} sequences of {} tokens; {}, {}\n"
      "{} layouts looked at, of which {} do not fit in {}\n",
      job.sequences(), job.sequence, name(job.precision), name(job.optimizer),
      answer.ranking.layouts, answer.ranking.too_large, plan_gib(answer.problem.machine.memory));
}

// What few layouts have.
std::string remarks(const Layout& layout) {
  std::string text;
  if (layout.chunks > 1) text += fmt::format("  chunks={}", layout.chunks);
  if (layout.tp > 1 && !layout.sequence_parallel) text += "  sequence_parallel=no";
  if (layout.order != Layout{}.order) {
    text += "  order=";
    for (const planner::Dimension dimension : layout.order) {
      text += fmt::format("{}{}", text.back() == '=' ? "" : ",", name(dimension));
    }
  }
  return text;
}

std::string table(const std::vector<Plan>& plans) {
  std::string text = fmt::format(
      "\n{:>3} {:>5} {:>4} {:>4} {:>4} {:>5} {:>6} {:>10} {:>12} {:>9} {:>9} {:>6} {:>8} {:>9}\n",
      "#", "DP", "PP", "TP", "CP", "ZeRO", "micro-", "recompu-", "pipeline", "time", "tokens/s",
      "MFU", "memory", "J/token");
  text += fmt::format("{:>36} {:>10} {:>12} {:>9} {:>9} {:>6} {:>8} {:>9}\n", "batch", "tation", "",
                      "(ms)", "", "(%)", "(GiB)", "predicted");
  int number = 0;
  for (const Plan& plan : plans) {
    const Layout& l = plan.layout;
    const planner::Estimate& e = plan.estimate;
    text += fmt::format(
        "{:>3} {:>5} {:>4} {:>4} {:>4} {:>5} {:>6} {:>10} {:>12} {:>9.1f} {:>9} {:>6.1f} {:>8.1f} "
        "{:>9.3g}{}\n",
        ++number, l.dp, l.pp, l.tp, l.cp, l.zero, l.micro_batch, name(l.recomputation),
        l.pp > 1 ? name(l.pipeline) : "-", 1e3 * e.times.step(), plan_count(e.tokens_per_second),
        100 * e.mfu, e.memory.total() / (1 << 30), e.joules_per_token, remarks(l));
  }
  return text;
}

std::string bars(const std::vector<Plan>& plans) {
  std::string text =
      "\nWhere a step goes, by (DP, PP, TP, CP); communication is what is not hidden\n";
  const std::size_t most = std::min(kBars, plans.size());
  double longest = 0;
  for (std::size_t i = 0; i < most; ++i) {
    longest = std::max(longest, plans[i].estimate.times.step());
  }
  for (std::size_t i = 0; i < most; ++i) {
    text += fmt::format("{:>3} {:<18} {}\n", i + 1, label(plans[i].layout),
                        plan_bar(parts(plans[i].estimate.times), longest));
  }
  return text;
}

std::string change_of(double now, double then) {
  const double more = then / now - 1;
  if (std::abs(more) < 0.005) return "as fast";
  return fmt::format("{} {}", plan_percent(std::abs(more)), more > 0 ? "faster" : "slower");
}

std::string what_ifs(const PlanAnswer& answer) {
  std::string text = "\nWhat if\n";
  const double now = answer.ranking.best.front().estimate.tokens_per_second;
  for (const planner::WhatIf& other : answer.what_ifs) {
    if (!other.best) {
      text += fmt::format("  {:<18} nothing fits\n", other.change);
      continue;
    }
    const planner::Estimate& e = other.best->estimate;
    text +=
        fmt::format("  {:<18} {} tokens/s, {}: {}\n", other.change, plan_count(e.tokens_per_second),
                    change_of(now, e.tokens_per_second), to_text(other.best->layout));
  }
  return text;
}

// The whole front can be long: those that have clearly more than the one before.
std::string front(const std::vector<Plan>& plans) {
  std::string lines;
  double last = 0;
  int shown = 0;
  for (const Plan& plan : plans) {
    if (plan.estimate.mfu < last + kClearlyMore && plan != plans.back()) continue;
    last = plan.estimate.mfu;
    ++shown;
    lines +=
        fmt::format("  {:>8.1f} GiB {:>5.1f} %  {}\n", plan.estimate.memory.total() / (1 << 30),
                    100 * plan.estimate.mfu, to_text(plan.layout));
  }
  return fmt::format(
             "\nNo layout has more MFU for less memory: {} of {} (--json: all; --draw: a "
             "picture)\n",
             shown, plans.size()) +
         lines;
}

std::string sentences(const std::vector<std::string>& lines) {
  std::string text = "\n";
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

std::string measured(const PlanAnswer& answer) {
  if (answer.measured.empty()) return "";
  std::string text =
      fmt::format("\n{:<10}{:>10} {:>10} {:>10} {:>8} {:>8} {:>10}  layout\n", "Measured",
                  "step (ms)", "predicted", "ratio", "GiB", "predicted", "J/token");
  for (const MeasuredPlan& one : answer.measured) {
    const planner::Estimate& e = one.plan.estimate;
    text += fmt::format("{:<10}{:>10.1f} {:>10.1f} {:>10.2f} {:>8.2f} {:>8.2f} {:>10}  {}\n", "",
                        1e3 * one.seconds, 1e3 * e.times.step(), one.seconds / e.times.step(),
                        one.memory / (1 << 30), e.memory.total() / (1 << 30),
                        one.joules_per_token ? fmt::format("{:.3g}", *one.joules_per_token) : "-",
                        to_text(one.plan.layout));
  }
  return text +
         fmt::format(
             "With a peak of {}FLOP/s a device predictions fit, at the median. That is kept: "
             "the next plan for this machine begins with it.\n",
             plan_count(answer.fitted_peak));
}

std::string figures_of(const planner::MachineShape& machine) {
  return fmt::format("\nFigures of {} (behind the options, name=value changes one)\n{}",
                     machine.name, plan_figures(machine));
}

// ---- inference

std::string served(const InferenceAnswer& answer) {
  const planner::InferenceJob& job = answer.problem.job;
  return fmt::format(
      "prompts of {} tokens, answers of {}; {}\n"
      "{} layouts looked at, of which {} do not fit in {}\n",
      job.prompt, job.answer, name(job.precision), answer.ranking.layouts, answer.ranking.too_large,
      plan_gib(answer.problem.machine.memory));
}

std::string table(const InferenceAnswer& answer) {
  std::string text = fmt::format(
      "\n{:>3} {:>5} {:>4} {:>4} {:>4} {:>10} {:>11} {:>9} {:>9} {:>10} {:>10} {:>10} {:>8} "
      "{:>9}\n",
      "#", "DP", "PP", "TP", "CP", "sequences", "1st token", "a token", "request", "prefill",
      "decode", "both", "memory", "J/token");
  text += fmt::format("{:>34} {:>11} {:>9} {:>9} {:>10} {:>10} {:>10} {:>8} {:>9}\n", "a replica",
                      "(ms)", "(ms)", "(s)", "(tok/s)", "(tok/s)", "(tok/s)", "(GiB)", "predicted");
  int number = 0;
  for (const planner::InferencePlan& plan : answer.ranking.best) {
    const Layout& l = plan.layout;
    const planner::InferenceEstimate& e = plan.estimate;
    text += fmt::format(
        "{:>3} {:>5} {:>4} {:>4} {:>4} {:>10} {:>11.1f} {:>9.2f} {:>9.2f} {:>10} {:>10} {:>10} "
        "{:>8.1f} {:>9.3g}\n",
        ++number, l.dp, l.pp, l.tp, l.cp, l.micro_batch, 1e3 * e.prefill.total(),
        1e3 * e.decode.total(), e.latency(answer.problem.job),
        plan_count(e.prefill_tokens_per_second), plan_count(e.decode_tokens_per_second),
        plan_count(e.tokens_per_second), e.memory.total() / (1 << 30), e.joules_per_token);
  }
  return text;
}

std::string bars(const std::vector<planner::InferencePlan>& plans) {
  std::string text = "\nWhere the latency of a token goes, by (DP, PP, TP, CP) x sequences\n";
  const std::size_t most = std::min(kBars, plans.size());
  double longest = 0;
  for (std::size_t i = 0; i < most; ++i) {
    longest = std::max(longest, plans[i].estimate.decode.total());
  }
  for (std::size_t i = 0; i < most; ++i) {
    const Layout& layout = plans[i].layout;
    text += fmt::format("{:>3} {:<24} {}\n", i + 1,
                        fmt::format("{} x {}", label(layout), layout.micro_batch),
                        plan_bar(parts(plans[i].estimate.decode), longest));
  }
  return text;
}

std::string what_ifs(const InferenceAnswer& answer) {
  std::string text = "\nWhat if\n";
  const double now = answer.ranking.best.front().estimate.tokens_per_second;
  for (const planner::InferenceWhatIf& other : answer.what_ifs) {
    if (!other.best) {
      text += fmt::format("  {:<18} nothing fits\n", other.change);
      continue;
    }
    const planner::InferenceEstimate& e = other.best->estimate;
    text += fmt::format("  {:<18} {} tokens/s, {}; {} a token: {} x {}\n", other.change,
                        plan_count(e.tokens_per_second), change_of(now, e.tokens_per_second),
                        plan_seconds(e.decode.total()), label(other.best->layout),
                        other.best->layout.micro_batch);
  }
  return text;
}

std::string reasons(const InferenceAnswer& answer) {
  const planner::InferencePlan& winner = answer.ranking.best.front();
  const planner::Part time = largest(parts(winner.estimate.decode));
  const planner::Part memory = largest(parts(winner.estimate.memory));
  return fmt::format(
      "\n{} with {} sequence{} in hand is best by {}: a first token after {}, then one each {}.\n"
      "A token is bound by {}: {} of its time. The fullest rank needs {} of {}, most of it {} "
      "({}).\n",
      label(winner.layout), winner.layout.micro_batch, winner.layout.micro_batch > 1 ? "s" : "",
      name(answer.settings.goal), plan_seconds(winner.estimate.prefill.total()),
      plan_seconds(winner.estimate.decode.total()), time.name,
      plan_percent(time.value / winner.estimate.decode.total()),
      plan_gib(winner.estimate.memory.total()), plan_gib(answer.problem.machine.memory),
      memory.name, plan_gib(memory.value));
}

std::string misfit(const InferenceAnswer& answer) {
  const planner::InferencePlan& smallest = answer.ranking.smallest.front();
  const planner::Part most = largest(parts(smallest.estimate.memory));
  std::string text = fmt::format("\nNothing fits in {}; the smallest change that would help: ",
                                 plan_gib(answer.problem.machine.memory));
  for (const planner::InferenceRemedy& remedy : answer.remedies) {
    text += fmt::format("{}{} ({} x {}, {} a token)",
                        &remedy == &answer.remedies.front() ? "" : ".\nOr: ", remedy.change,
                        label(remedy.plan.layout), remedy.plan.layout.micro_batch,
                        plan_seconds(remedy.plan.estimate.decode.total()));
  }
  return text + fmt::format(".\nThe layout that needs least, {}, needs {}, most of it {} ({}).\n",
                            label(smallest.layout), plan_gib(smallest.estimate.memory.total()),
                            most.name, plan_gib(most.value));
}

}  // namespace

std::string plan_text(const PlanAnswer& answer) {
  const planner::Problem& problem = answer.problem;
  std::string text = head(problem.model, problem.machine) + looked_at(answer);
  if (answer.ranking.best.empty()) {
    text += sentences(plan_misfit(answer));
  } else {
    text += table(answer.ranking.best) + bars(answer.ranking.best);
    text += measured(answer);
    text += sentences(plan_reasons(answer)) + what_ifs(answer) + front(answer.ranking.pareto);
  }
  return text + figures_of(problem.machine);
}

std::string plan_text(const InferenceAnswer& answer) {
  const planner::InferenceProblem& problem = answer.problem;
  std::string text = head(problem.model, problem.machine) + served(answer);
  if (answer.ranking.best.empty()) {
    text += misfit(answer);
  } else {
    text += table(answer) + bars(answer.ranking.best) + reasons(answer) + what_ifs(answer);
  }
  return text + figures_of(problem.machine);
}

}  // namespace tutti::cli
