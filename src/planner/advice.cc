// Questions about a choice, each answered by a search of a problem that is a little different.
// Tested by planner_advice_test.cc.

#include <algorithm>

#include "planner/texts.h"
#include "tutti/planner_advice.h"

namespace tutti::planner {
namespace {

constexpr double kLittleMemory = 1.25;  // times what there is
constexpr int kMostRanks = 8192;        // that are tried where nothing fits
constexpr long kShortest = 128;         // tokens of a sequence that is still worth training on

std::string with(const char* name, std::string_view value) {
  return std::string(name) + "=" + std::string(value);
}
std::string with(const char* name, int value) { return with(name, std::to_string(value)); }

std::optional<Plan> best_of(const Problem& problem, SearchSettings settings) {
  settings.keep = 1;
  const auto ranking = search(problem, settings);
  if (!ranking.ok() || ranking->best.empty()) return std::nullopt;
  return ranking->best.front();
}

// ---- rivals

Rival rival(const Problem& problem, SearchSettings settings, std::string change) {
  settings.keep = 1;
  Rival rival{std::move(change)};
  const auto ranking = search(problem, settings);
  if (!ranking.ok()) {
    rival.objection = ranking.status().message();
  } else if (ranking->best.empty()) {
    rival.smallest = ranking->smallest.front();
  } else {
    rival.best = ranking->best.front();
  }
  return rival;
}

// Everything as the winner has it.
Fixed as(const Layout& winner) {
  return {.dp = winner.dp,
          .pp = winner.pp,
          .cp = winner.cp,
          .tp = winner.tp,
          .micro_batch = winner.micro_batch,
          .zero = winner.zero,
          .chunks = winner.chunks,
          .recomputation = winner.recomputation,
          .pipeline = winner.pipeline};
}

// ---- remedies

class Remedies {
 public:
  Remedies(const Problem& problem, const SearchSettings& settings)
      : problem_(problem), settings_(settings) {}

  std::vector<Remedy> find() {
    leave_open();
    const std::optional<Remedy> memory = more_memory();
    const bool little =
        memory && memory->plan.estimate.memory.total() <= kLittleMemory * problem_.machine.memory;
    if (little) found_.push_back(*memory);
    more_nodes();
    shorter_numbers();
    if (memory && !little) found_.push_back(*memory);
    shorter_sequences();
    return std::move(found_);
  }

 private:
  bool take(const Problem& problem, const SearchSettings& settings, const std::string& change) {
    const std::optional<Plan> best = best_of(problem, settings);
    if (best) found_.push_back({change, *best});
    return best.has_value();
  }

  template <class Value>
  void leave_open(const char* name, std::optional<Value> Fixed::*decision) {
    if (!(settings_.fixed.*decision)) return;
    SearchSettings open = settings_;
    open.fixed.*decision = std::nullopt;
    take(problem_, open, std::string(name) + " left open");
  }
  void leave_open() {
    leave_open("recompute", &Fixed::recomputation);
    leave_open("zero", &Fixed::zero);
    leave_open("micro_batch", &Fixed::micro_batch);
    leave_open("pipeline", &Fixed::pipeline);
    leave_open("chunks", &Fixed::chunks);
    leave_open("tp", &Fixed::tp);
    leave_open("pp", &Fixed::pp);
    leave_open("cp", &Fixed::cp);
    leave_open("dp", &Fixed::dp);
  }

  std::optional<Remedy> more_memory() const {
    const auto ranking = search(problem_, settings_);
    if (!ranking.ok()) return std::nullopt;
    Plan plan = ranking->smallest.front();
    const double bytes = plan.estimate.memory.total();
    plan.estimate.fits = true;
    return Remedy{gibibytes(bytes) + " a device instead of " + gibibytes(problem_.machine.memory),
                  plan};
  }

  bool take_nodes(int nodes) {
    Problem larger = problem_;
    larger.machine.nodes = nodes;
    return take(
        larger, settings_,
        std::to_string(nodes) + " nodes instead of " + std::to_string(problem_.machine.nodes));
  }
  // Between a power of two of them that is too small and the next, quarters are tried.
  void more_nodes() {
    const int now = problem_.machine.nodes;
    for (int nodes = now; 2 * nodes * problem_.machine.devices <= kMostRanks; nodes *= 2) {
      for (int quarters = 5; quarters <= 8; ++quarters) {
        if (nodes * quarters % 4 == 0 && take_nodes(nodes * quarters / 4)) return;
      }
    }
  }

  void shorter_numbers() {
    if (problem_.job.precision == Precision::kBf16) return;
    Problem shorter = problem_;
    shorter.job.precision = Precision::kBf16;
    take(shorter, settings_, "bf16 instead of fp32");
  }

  void shorter_sequences() {
    Problem shorter = problem_;
    while (shorter.job.sequence % 2 == 0 && shorter.job.sequence / 2 >= kShortest) {
      shorter.job.sequence /= 2;
      if (take(shorter, settings_,
               "sequences of " + std::to_string(shorter.job.sequence) + " tokens instead of " +
                   std::to_string(problem_.job.sequence))) {
        return;
      }
    }
  }

  const Problem& problem_;
  const SearchSettings& settings_;
  std::vector<Remedy> found_;
};

}  // namespace

std::vector<Part> parts(const Times& t) {
  return {{"compute", t.compute}, {"recompute", t.recompute}, {"tensor", t.tensor},
          {"context", t.context}, {"pipeline", t.pipeline},   {"bubble", t.bubble},
          {"data", t.data},       {"optimizer", t.optimizer}, {"rest", t.rest}};
}

std::vector<Part> parts(const Memory& m) {
  return {{"parameters", m.parameters},   {"gradients", m.gradients}, {"optimizer", m.optimizer},
          {"activations", m.activations}, {"buffers", m.buffers},     {"windows", m.windows},
          {"process", m.process},         {"headroom", m.headroom}};
}

Part largest(const std::vector<Part>& parts) {
  const auto less = [](const Part& a, const Part& b) { return a.value < b.value; };
  return *std::max_element(parts.begin(), parts.end(), less);
}

std::vector<Rival> rivals(const Problem& problem, const SearchSettings& settings,
                          const Layout& winner) {
  struct Way {
    const char* name;
    int size;
    std::optional<int> Fixed::*decision;
  };
  std::vector<Rival> found;
  for (const Way& way : {Way{"dp", winner.dp, &Fixed::dp}, Way{"pp", winner.pp, &Fixed::pp},
                         Way{"tp", winner.tp, &Fixed::tp}, Way{"cp", winner.cp, &Fixed::cp}}) {
    if (settings.fixed.*way.decision || problem.machine.ranks() == 1) continue;
    SearchSettings other = settings;
    other.fixed.*way.decision = way.size > 1 ? 1 : 2;
    found.push_back(rival(problem, other, with(way.name, way.size > 1 ? 1 : 2)));
  }
  if (winner.recomputation != Recomputation::kNone && !settings.fixed.recomputation) {
    SearchSettings other = settings;
    other.fixed.recomputation = Recomputation::kNone;
    found.push_back(rival(problem, other, with("recompute", name(Recomputation::kNone))));
  }
  if (winner.zero > 0 && !settings.fixed.zero) {
    SearchSettings other = settings;
    other.fixed = as(winner);
    other.fixed.zero = 0;
    found.push_back(rival(problem, other, with("zero", 0)));
  }
  return found;
}

std::vector<WhatIf> what_ifs(const Problem& problem, const SearchSettings& settings) {
  std::vector<WhatIf> answers;
  Problem network = problem;
  const bool many = problem.machine.nodes > 1;
  (many ? network.machine.between : network.machine.inside).bandwidth *= 2;
  if (problem.machine.ranks() > 1) {
    answers.push_back({many ? "twice the network" : "twice the links", best_of(network, settings)});
  }
  Problem memory = problem;
  memory.machine.memory *= 2;
  answers.push_back({"twice the memory", best_of(memory, settings)});
  if (problem.job.sequences() < 2) return answers;
  Problem batch = problem;
  batch.job.batch_tokens = problem.job.sequences() / 2 * problem.job.sequence;
  answers.push_back({"half the batch", best_of(batch, settings)});
  return answers;
}

std::vector<Remedy> remedies(const Problem& problem, const SearchSettings& settings) {
  return Remedies(problem, settings).find();
}

}  // namespace tutti::planner
