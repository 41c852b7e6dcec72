#include "planner/stage_costs.h"

#include <algorithm>

#include "planner/shared_cores.h"

namespace tutti::planner {
namespace {

// One of each run.
struct Layers {
  std::vector<LayerCosts> costs;
  std::vector<double> parameters;
  std::vector<LayerMemory> memory;
};

std::vector<StageLayers> split(const Problem& problem, const Layout& layout, const Layers& layers,
                               const LayerCosts& embedding, const LayerCosts& head) {
  const int stages = layout.pp * layout.chunks;
  if (problem.job.trainer.split == StageSplit::kEven || stages == 1) {
    return split_evenly(problem.model.layers(), stages);
  }
  std::vector<double> costs;
  for (std::size_t i = 0; i < problem.model.runs.size(); ++i) {
    costs.insert(costs.end(), problem.model.runs[i].layers, layers.costs[i].all());
  }
  return split_balanced(costs, embedding.all(), head.all(), stages);
}

Layers look_at_layers(const Problem& problem, const Layout& layout, Staged& staged) {
  Layers layers;
  for (const LayerRun& run : problem.model.runs) {
    layers.costs.push_back(costs_of(staged.context, run));
    layers.parameters.push_back(layer_parameters(problem.model, run, layout.tp));
    layers.memory.push_back(
        layer_memory(problem.model, run, staged.context.share, layout.recomputation));
    staged.largest_unit = std::max(staged.largest_unit, layers.parameters.back());
  }
  return layers;
}

StageCosts sum_of(const Problem& problem, const Layers& layers, const StageLayers& stage) {
  StageCosts sum;
  int begin = 0;
  for (std::size_t i = 0; i < problem.model.runs.size(); ++i) {
    const int count = stage.of_run(begin, problem.model.runs[i].layers);
    begin += problem.model.runs[i].layers;
    sum.costs.add(layers.costs[i], count);
    if (problem.machine.cores > 0) sum.layers.insert(sum.layers.end(), count, layers.parameters[i]);
    sum.parameters += count * layers.parameters[i];
    sum.kept += count * layers.memory[i].kept;
    sum.kept_longer += count * (layers.memory[i].complete + layers.memory[i].gradients);
  }
  return sum;
}

// Where ranks share cores, what one has more to do than others, these are faster for: the mean
// counts.
void find_busiest(Staged& all, int ranks) {
  const bool shared = crowd_of(all.context.machine) > 1;
  for (int rank = 0; rank < ranks; ++rank) {
    LayerCosts costs;
    double parameters = 0;
    for (std::size_t stage = rank; stage < all.stages.size(); stage += ranks) {
      costs.add(all.stages[stage].costs, 1);
      parameters += all.stages[stage].parameters;
    }
    if (shared) all.busiest.add(costs, 1.0 / ranks);
    if (!shared && (rank == 0 || costs.all() > all.busiest.all())) all.busiest = costs;
    all.most_parameters = std::max(all.most_parameters, parameters);
  }
}

// What stages keep beside their layers: outputs, and gradients of what the embedding and the loss
// made. PyTorch has the latter for a while only, and the input of the head.
void add_ends(Staged& all) {
  const Share& share = all.context.share;
  const auto width = static_cast<double>(all.context.model.width);
  const bool autograd = all.context.job.trainer.autograd;
  const auto keep = [](StageCosts& stage, double elements) {
    stage.kept += elements;
    stage.kept_longer += elements;
  };
  if (!autograd) {
    for (StageCosts& stage : all.stages) keep(stage, share.precise * share.kept * width);
    keep(all.stages.front(), share.tokens * width);
  }
  keep(all.stages.back(), (share.precise * share.kept + (autograd ? share.tokens : 0)) * width);
}

}  // namespace

Staged staged(const Problem& problem, const Layout& layout, HostCalls& calls) {
  Staged all{.context = CostContext(problem, layout, &calls)};
  all.micro_batches = static_cast<int>(problem.job.sequences() / (layout.dp * layout.micro_batch));
  const Layers layers = look_at_layers(problem, layout, all);
  const LayerCosts embedding = embedding_costs(all.context);
  const LayerCosts head = head_costs(all.context);
  for (const StageLayers& stage : split(problem, layout, layers, embedding, head)) {
    all.stages.push_back(sum_of(problem, layers, stage));
  }
  const double width = static_cast<double>(problem.model.width);
  const double table = static_cast<double>(problem.model.vocabulary) * width / layout.tp;
  StageCosts& first = all.stages.front();
  StageCosts& last = all.stages.back();
  first.costs.add(embedding, 1);
  first.parameters += table;
  first.before = {table};
  last.costs.add(head, 1);
  last.parameters += width;
  const bool has_head = !problem.model.tied || all.stages.size() > 1;
  if (has_head) last.parameters += table;
  last.after = {width};
  if (has_head && problem.model.tied) last.after.push_back(table);
  if (has_head && !problem.model.tied) last.after.front() += table;
  all.largest_unit = std::max(all.largest_unit, table);
  all.room = shared_room(problem.model, all.context.share, layout.recomputation);
  add_ends(all);
  find_busiest(all, layout.pp);
  return all;
}

}  // namespace tutti::planner
