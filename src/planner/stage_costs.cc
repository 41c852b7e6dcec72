#include "planner/stage_costs.h"

#include <algorithm>

namespace tutti::planner {
namespace {

double kept_elements(const LayerWork& work, Recomputation recomputation) {
  switch (recomputation) {
    case Recomputation::kNone:
      return work.kept;
    case Recomputation::kSelective:
      return work.kept_selective;
    case Recomputation::kFull:
      return work.kept_full;
  }
  return work.kept;
}

// One of each run.
struct Layers {
  std::vector<LayerCosts> costs;
  std::vector<double> parameters;
  std::vector<double> kept;
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
    const LayerWork work = work_of(problem.model, run, staged.context.share);
    layers.costs.push_back(costs_of(staged.context, run));
    layers.parameters.push_back(layer_parameters(problem.model, run, layout.tp));
    layers.kept.push_back(kept_elements(work, layout.recomputation));
    staged.largest_layer = std::max(staged.largest_layer, layers.parameters.back());
    staged.workspace = std::max(staged.workspace, work.workspace);
    staged.again = std::max(staged.again, work.kept - layers.kept.back());
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
    sum.parameters += count * layers.parameters[i];
    sum.kept += count * layers.kept[i];
  }
  return sum;
}

void find_busiest(Staged& all, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) {
    LayerCosts costs;
    double parameters = 0;
    for (std::size_t stage = rank; stage < all.stages.size(); stage += ranks) {
      costs.add(all.stages[stage].costs, 1);
      parameters += all.stages[stage].parameters;
    }
    if (rank == 0 || costs.all() > all.busiest.all()) all.busiest = costs;
    all.most_parameters = std::max(all.most_parameters, parameters);
  }
}

}  // namespace

Staged staged(const Problem& problem, const Layout& layout) {
  Staged all{.context = CostContext(problem, layout)};
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
  last.costs.add(head, 1);
  last.parameters += width;
  if (!problem.model.tied || all.stages.size() > 1) last.parameters += table;
  last.kept += (all.context.share.kept + all.context.share.tokens) * width;
  find_busiest(all, layout.pp);
  return all;
}

}  // namespace tutti::planner
