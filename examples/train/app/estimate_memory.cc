// Memory of a rank, array by array as language_stage.cc, its sublayers, weight_store.h,
// gradient_store.h and lane.h make them. Shapes are in the comments there.

#include <algorithm>
#include <bit>
#include <cstdint>

#include "train/app/rank_shape.h"

namespace tutti::train {
namespace {

// Stashes of each chunk: as many as micro-batches are between their first task and their last.
std::vector<double> stashes_of(const PipelineSchedule& schedule, int rank) {
  const PipelineWork last =
      schedule.splits_backward ? PipelineWork::kWeights : PipelineWork::kBackward;
  std::vector<double> now(schedule.chunks, 0);
  std::vector<double> most(schedule.chunks, 0);
  for (const PipelineTask& task : schedule.tasks[rank]) {
    if (task.work == PipelineWork::kForward) {
      most[task.chunk] = std::max(most[task.chunk], ++now[task.chunk]);
    }
    if (task.work == last) --now[task.chunk];
  }
  return most;
}

// A layer's stash, complete and between its passes.
double complete_layer(const RankShape& r) {
  return 2 * r.K * r.C + 2 * r.K + 2 * r.S * r.C + r.S * (r.QKV + r.HD + r.heads + 3 * r.F);
}
double kept_layer(const RankShape& r, Recompute recompute) {
  switch (recompute) {
    case Recompute::kNone:
      return complete_layer(r);
    case Recompute::kSelective:
      return complete_layer(r) - 2 * r.S * r.C - r.S * r.F;
    case Recompute::kFull:
      return r.K * r.C;
  }
  return 0;
}

double layer_gradients(const RankShape& r) {
  return 2 * r.K * r.C + r.S * (r.QKV + 2 * r.C + 2 * r.F);
}

double activations(const RankShape& r, const Plan& plan, int pipeline_rank) {
  const PipelineSchedule schedule = must(
      make_pipeline(plan.settings.pipeline, plan.mesh.pp(), plan.settings.chunks, r.micro_batches));
  const std::vector<double> stashes = stashes_of(schedule, pipeline_rank);
  const Recompute recompute = plan.model.settings().recompute;
  // Where gradients of weights come later, what they need is there until then.
  const bool later = schedule.splits_backward;
  const double kept = later ? complete_layer(r) : kept_layer(r, recompute);
  double elements = 0;
  for (std::size_t c = 0; c < r.chunks.size(); ++c) {
    const double layers = r.chunks[c].end - r.chunks[c].first;
    double stash = layers * kept + r.K * r.C + (later ? layers * layer_gradients(r) : 0);
    if (r.is_last(r.chunks[c])) stash += r.K * r.C;
    if (r.is_first(r.chunks[c])) stash += r.S * r.C;
    elements += stashes[c] * stash;
    elements += complete_layer(r) - kept + (later ? 0 : layer_gradients(r));  // of a layer at work
  }
  return elements;
}

double workspace(const RankShape& r, const Plan& plan) {
  const LlamaSettings& model = plan.model.settings();
  const double n = plan.mesh.cp();
  double elements = 0;
  for (const StageLayers& chunk : r.chunks) {
    elements += r.S * r.C + r.S * (r.HD + r.F) + r.K * r.C;
    if (r.shares_tokens) elements += 2 * r.K * r.C;
    elements += 2 * r.S * r.heads;
    elements += r.pairs * (model.context == ContextKind::kRing ? 4 : 1 + 2 * n);
    const auto turns = static_cast<std::uint64_t>(model.sequence * model.config.head_width / 2);
    elements += 2 * static_cast<double>(std::bit_ceil(turns));
    if (!r.is_last(chunk)) continue;
    elements += std::min(r.S, 512.0) * (r.V + 3) + r.K + r.S * r.C;
  }
  return elements;
}

// A message that is read, one that comes, one that goes; weights at hand and the next ones;
// gradients that are added to and two units on their way.
double communication(const RankShape& r, const Plan& plan, int pipeline_rank) {
  const bool closed = plan.settings.chunks > 1;
  const int pp = plan.mesh.pp();
  const int in = pp > 1 ? (closed ? 2 : (pipeline_rank > 0) + (pipeline_rank < pp - 1)) : 0;
  const double unit = static_cast<double>(r.cuts.largest_unit());
  return 4 * in * r.K * r.C + (r.zero >= 2 ? 3 * unit : 0) + (r.zero == 3 ? 2 * unit : 0);
}

}  // namespace

MemoryEstimate estimate_memory(const Plan& plan, const Place& place) {
  const RankShape r(plan, place);
  const int pipeline_rank = place[static_cast<int>(Dimension::kPipeline)];
  const double all = static_cast<double>(r.layout.size);
  const double shards = r.shard_elements();
  MemoryEstimate memory{r.zero == 3 ? shards : all,
                        r.zero >= 2 ? shards : all,
                        2 * shards,
                        activations(r, plan, pipeline_rank),
                        workspace(r, plan),
                        communication(r, plan, pipeline_rank)};
  for (double* kind : {&memory.weights, &memory.gradients, &memory.optimizer, &memory.activations,
                       &memory.workspace, &memory.communication}) {
    *kind *= plan.element;
  }
  return memory;
}

}  // namespace tutti::train
