// Memory of a rank, array by array as language_stage.cc, weight_store.h, gradient_store.h and
// lane.h make them; those of sublayers: sublayer_size.h. Shapes are in the comments there.

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

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

// Arrays by their size, which are used again where one of that size is needed (spare.h).
using Arrays = std::map<double, int>;

// Of a layer: what it keeps of a micro-batch, what it gives back meanwhile, and what its gradients
// take that wait.
struct LayerMemory {
  double kept = 0;
  Arrays dropped;
  double gradients = 0;

  double complete() const {
    return std::accumulate(dropped.begin(), dropped.end(), kept, [](double all, const auto& some) {
      return all + some.first * some.second;
    });
  }
};

LayerMemory memory_of(const RankShape& r, int layer) {
  LayerMemory memory;
  const auto put = [&](double array, bool is_kept) {
    if (is_kept) memory.kept += array;
    if (!is_kept) ++memory.dropped[array];
  };
  bool is_first = true;
  for (const int kind : r.sublayers.layers[static_cast<std::size_t>(layer)]) {
    const SublayerSize& sublayer = r.sublayers.kinds[static_cast<std::size_t>(kind)];
    put(r.hidden, is_first || r.recompute != Recompute::kFull);
    for (const double array : sublayer.always) put(array, true);
    for (const double array : sublayer.dear) put(array, r.recompute != Recompute::kFull);
    for (const double array : sublayer.cheap) put(array, r.recompute == Recompute::kNone);
    memory.gradients += sublayer.gradients;
    is_first = false;
  }
  return memory;
}

// Kinds of sublayers that a stage has.
std::set<int> kinds_of(const RankShape& r, const StageLayers& chunk) {
  std::set<int> kinds;
  for (int layer = chunk.first; layer < chunk.end; ++layer) {
    const std::vector<int>& some = r.sublayers.layers[static_cast<std::size_t>(layer)];
    kinds.insert(some.begin(), some.end());
  }
  return kinds;
}

// Of a stage, while so many micro-batches are between their passes.
double stage_activations(const RankShape& r, const StageLayers& chunk, bool later, double stashes) {
  double stash = r.hidden * (r.is_last(chunk) ? 2 : 1);  // the output, and its gradient
  if (r.is_first(chunk)) stash += r.stream.S * r.stream.C;
  double at_work = 0;
  Arrays spare;
  for (int layer = chunk.first; layer < chunk.end; ++layer) {
    const LayerMemory memory = memory_of(r, layer);
    // Where gradients of weights come later, what they need is there until then.
    stash += later ? memory.complete() + memory.gradients : memory.kept;
    for (const auto& [size, count] : memory.dropped) spare[size] = std::max(spare[size], count);
  }
  if (later) return stashes * stash;
  for (const auto& [size, count] : spare) at_work += size * count;
  for (const int kind : kinds_of(r, chunk)) {
    at_work += r.sublayers.kinds[static_cast<std::size_t>(kind)].gradients;
  }
  return stashes * stash + at_work;
}

double activations(const RankShape& r, const Plan& plan, int pipeline_rank) {
  const PipelineSchedule schedule = must(
      make_pipeline(plan.settings.pipeline, plan.mesh.pp(), plan.settings.chunks, r.micro_batches));
  const std::vector<double> stashes = stashes_of(schedule, pipeline_rank);
  double elements = 0;
  for (std::size_t c = 0; c < r.chunks.size(); ++c) {
    elements += stage_activations(r, r.chunks[c], schedule.splits_backward, stashes[c]);
  }
  return elements;
}

double workspace(const RankShape& r) {
  const StreamShape& s = r.stream;
  double elements = 0;
  for (const StageLayers& chunk : r.chunks) {
    elements += s.S * s.C + r.hidden;
    if (s.shares_tokens) elements += 2 * s.K * s.C;
    for (const int kind : kinds_of(r, chunk)) {
      elements += r.sublayers.kinds[static_cast<std::size_t>(kind)].workspace;
    }
    if (!r.is_last(chunk)) continue;
    elements += std::min(s.S, 512.0) * (r.V + 3) + s.K + s.S * s.C;
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
  return plan.element * (4 * in * r.hidden + (r.zero == 3 ? 2 * unit : 0)) +
         plan.precise() * (r.zero >= 2 ? 3 * unit : 0);
}

}  // namespace

MemoryEstimate estimate_memory(const Plan& plan, const Place& place) {
  const RankShape r(plan, place);
  const int pipeline_rank = place[static_cast<int>(Dimension::kPipeline)];
  const double all = static_cast<double>(r.layout.size);
  const double shards = r.shard_elements();
  const bool has_masters = plan.element < plan.precise();
  const double exact = r.exact * static_cast<double>(r.layout.exact_size);
  return {plan.element * ((r.zero == 3 ? shards : all) + exact),
          plan.precise() * (r.zero >= 2 ? shards : all),
          plan.precise() * (has_masters ? 3 : 2) * shards,
          plan.element * activations(r, plan, pipeline_rank),
          plan.element * workspace(r),
          communication(r, plan, pipeline_rank)};
}

}  // namespace tutti::train
