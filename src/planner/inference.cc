// Estimates and the search of inference. Tested by planner_inference_test.cc.

#include "planner/inference.h"

#include <algorithm>

#include "planner/texts.h"

namespace tutti::planner {
namespace {

constexpr int kMostInHand = 4096;  // sequences of a replica

Status check(const InferenceProblem& problem, const Layout& layout) {
  const int requests = problem.job.requests;
  if (requests > 0 && static_cast<long>(layout.dp) * layout.micro_batch != requests) {
    return {Code::kInvalidArgument, "dp is " + std::to_string(layout.dp) +
                                        ": expected a divisor of the requests, " +
                                        std::to_string(requests)};
  }
  Layout one = layout;
  one.micro_batch = 1;
  one.zero = 0;
  return divides(as_training(problem, layout), one);
}

double joules_per_second(const MachineShape& machine, double busy) {
  const double device = machine.idle_watts + busy * (machine.busy_watts - machine.idle_watts);
  return machine.nodes * (machine.devices * device + machine.node_watts);
}

double busy_seconds(const PhaseTimes& times) { return times.weights + times.cache; }

InferenceEstimate estimate_of(const InferenceProblem& problem, const Layout& layout) {
  const InferenceJob& job = problem.job;
  const double in_hand = layout.micro_batch;
  // A pipeline works on as many groups of sequences as it has stages.
  const double groups = std::min<double>(layout.pp, in_hand);
  const double written = static_cast<double>(job.prompt) + static_cast<double>(job.answer) / 2;
  const PhaseCosts prefill = prefill_costs(problem, layout);
  const PhaseCosts decode = decode_costs(problem, layout, in_hand / groups, written);
  InferenceEstimate e;
  e.prefill = prefill.all;
  e.decode = decode.all;
  // With all stages at work, the busiest sets the pace; a stage that waits is the pipeline's.
  const double round = std::max(decode.all.total(), groups * decode.busiest);
  e.decode.pipeline += round - decode.all.total();
  e.memory = memory_of(problem, layout);
  e.fits = e.memory.total() <= problem.machine.memory;
  const double prompt = static_cast<double>(job.prompt);
  const double answer = static_cast<double>(job.answer);
  e.prefill_tokens_per_second = layout.dp * prompt / prefill.busiest;
  e.decode_tokens_per_second = layout.dp * in_hand / round;
  const double seconds = in_hand * prefill.busiest + answer * round;  // of all in hand
  e.requests_per_second = layout.dp * in_hand / seconds;
  e.tokens_per_second = e.requests_per_second * answer;
  const double busy =
      (in_hand * busy_seconds(prefill.all) + answer * groups * busy_seconds(decode.all)) /
      layout.pp / seconds;
  e.joules_per_token =
      joules_per_second(problem.machine, std::min(1.0, busy)) / e.tokens_per_second;
  return e;
}

class Search {
 public:
  Search(const InferenceProblem& problem, const InferenceSettings& settings)
      : problem_(problem), settings_(settings) {}

  Result<InferenceRanking> run() {
    const int ranks = problem_.machine.ranks();
    for (int tp = 1; tp <= ranks; ++tp) {
      for (int cp = 1; cp * tp <= ranks; ++cp) {
        for (int pp = 1; pp * cp * tp <= ranks; ++pp) {
          if (ranks % (pp * cp * tp) != 0) continue;
          Layout layout{.dp = ranks / tp / cp / pp, .pp = pp, .cp = cp, .tp = tp, .zero = 0};
          if (is_open(layout)) serve(layout);
        }
      }
    }
    if (ranking_.layouts == 0) return objection();
    return finished();
  }

 private:
  bool is_open(const Layout& layout) const {
    const Fixed& f = settings_.fixed;
    return layout.dp == f.dp.value_or(layout.dp) && layout.pp == f.pp.value_or(layout.pp) &&
           layout.cp == f.cp.value_or(layout.cp) && layout.tp == f.tp.value_or(layout.tp);
  }

  void serve(Layout layout) {
    const int requests = problem_.job.requests;
    layout.micro_batch = requests > 0 ? std::max(1, requests / layout.dp) : 1;
    if (!may_divide(layout)) {
      layout.sequence_parallel = false;
      if (!may_divide(layout)) return;
    }
    while (offer({layout, estimate_of(problem_, layout)}) && requests == 0) {
      layout.micro_batch *= 2;
      if (layout.micro_batch > kMostInHand) return;
    }
  }

  bool may_divide(const Layout& layout) {
    const Status status = check(problem_, layout);
    if (!status.ok() && objection_.ok()) objection_ = status;
    return status.ok();
  }

  // Answers whether it fits: more sequences need more.
  bool offer(const InferencePlan& plan) {
    ++ranking_.layouts;
    const double memory = plan.estimate.memory.total();
    std::vector<InferencePlan>& smallest = ranking_.smallest;
    if (smallest.empty() || memory < smallest.front().estimate.memory.total()) smallest = {plan};
    if (plan.estimate.fits) {
      ranking_.best.push_back(plan);
    } else {
      ++ranking_.too_large;
    }
    return plan.estimate.fits;
  }

  double worth(const InferencePlan& plan) const {
    switch (settings_.goal) {
      case InferenceGoal::kThroughput:
        return -plan.estimate.tokens_per_second;
      case InferenceGoal::kLatency:
        return plan.estimate.latency(problem_.job);
      case InferenceGoal::kEnergy:
        return plan.estimate.joules_per_token;
      case InferenceGoal::kMemory:
        return plan.estimate.memory.total();
    }
    return 0;
  }

  InferenceRanking finished() {
    std::vector<InferencePlan>& all = ranking_.best;
    std::stable_sort(all.begin(), all.end(), [](const InferencePlan& a, const InferencePlan& b) {
      return a.estimate.decode.total() < b.estimate.decode.total();
    });
    double most = 0;
    for (const InferencePlan& plan : all) {
      if (plan.estimate.tokens_per_second <= most) continue;
      most = plan.estimate.tokens_per_second;
      ranking_.front.push_back(plan);
    }
    std::stable_sort(all.begin(), all.end(), [&](const InferencePlan& a, const InferencePlan& b) {
      return worth(a) < worth(b);
    });
    if (static_cast<int>(all.size()) > settings_.keep) all.resize(settings_.keep);
    return std::move(ranking_);
  }

  Status objection() const {
    if (!objection_.ok()) return objection_;
    return {Code::kInvalidArgument,
            "dp, pp, cp and tp: expected a product of the devices of the "
            "machine, " +
                std::to_string(problem_.machine.ranks())};
  }

  const InferenceProblem& problem_;
  const InferenceSettings& settings_;
  InferenceRanking ranking_;
  Status objection_;
};

constexpr int kMostRanks = 4096;  // that are tried where nothing fits

std::optional<InferencePlan> best_of(const InferenceProblem& problem, InferenceSettings settings) {
  settings.keep = 1;
  const auto ranking = search(problem, settings);
  if (!ranking.ok() || ranking->best.empty()) return std::nullopt;
  return ranking->best.front();
}

}  // namespace

std::string_view name(InferenceGoal goal) {
  switch (goal) {
    case InferenceGoal::kThroughput:
      return "throughput";
    case InferenceGoal::kLatency:
      return "latency";
    case InferenceGoal::kEnergy:
      return "energy";
    case InferenceGoal::kMemory:
      return "memory";
  }
  return "";
}

std::vector<Part> parts(const PhaseTimes& t) {
  return {{"weights", t.weights}, {"cache", t.cache},     {"kernels", t.kernels},
          {"tensor", t.tensor},   {"context", t.context}, {"pipeline", t.pipeline}};
}

std::vector<Part> parts(const InferenceMemory& m) {
  return {{"parameters", m.parameters},
          {"cache", m.cache},
          {"buffers", m.buffers},
          {"headroom", m.headroom}};
}

Result<InferenceEstimate> estimate(const InferenceProblem& problem, const Layout& layout) {
  if (layout.micro_batch < 1) {
    return Status(Code::kInvalidArgument,
                  "micro_batch is " + std::to_string(layout.micro_batch) + ": expected at least 1");
  }
  if (const Status status = check(problem, layout); !status.ok()) return status;
  return estimate_of(problem, layout);
}

Result<InferenceRanking> search(const InferenceProblem& problem,
                                const InferenceSettings& settings) {
  return Search(problem, settings).run();
}

std::vector<InferenceWhatIf> what_ifs(const InferenceProblem& problem,
                                      const InferenceSettings& settings) {
  std::vector<InferenceWhatIf> answers;
  InferenceProblem network = problem;
  const bool many = problem.machine.nodes > 1;
  (many ? network.machine.between : network.machine.inside).bandwidth *= 2;
  if (problem.machine.ranks() > 1) {
    answers.push_back({many ? "twice the network" : "twice the links", best_of(network, settings)});
  }
  InferenceProblem memory = problem;
  memory.machine.memory *= 2;
  answers.push_back({"twice the memory", best_of(memory, settings)});
  InferenceProblem longer = problem;
  longer.job.prompt *= 2;
  answers.push_back({"twice the prompt", best_of(longer, settings)});
  return answers;
}

std::vector<InferenceRemedy> remedies(const InferenceProblem& problem,
                                      const InferenceSettings& settings) {
  std::vector<InferenceRemedy> found;
  const int now = problem.machine.nodes;
  InferenceProblem larger = problem;
  for (int nodes = now + 1; nodes * problem.machine.devices <= kMostRanks; ++nodes) {
    larger.machine.nodes = nodes;
    const auto best = best_of(larger, settings);
    if (!best) continue;
    found.push_back({std::to_string(nodes) + " nodes instead of " + std::to_string(now), *best});
    break;
  }
  const auto ranking = search(problem, settings);
  if (!ranking.ok()) return found;
  const InferencePlan& smallest = ranking->smallest.front();
  found.push_back({gibibytes(smallest.estimate.memory.total()) + " a device instead of " +
                       gibibytes(problem.machine.memory),
                   smallest});
  return found;
}

}  // namespace tutti::planner
