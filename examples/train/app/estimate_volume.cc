// Bytes that a rank gives to calls in a step, call by call as llama.cc, context_parallel.cc,
// pipeline_run.cc and data_parallel.cc make them.

#include "train/app/rank_shape.h"

namespace tutti::train {
namespace {

// Elements between columns and rows of weights (tensor_parallel.h).
double tensor(const RankShape& r, Recompute recompute) {
  const double gather = r.shares_tokens ? r.K * r.C : 0;
  const double add = r.S * r.C;
  double layer = 4 * gather + 4 * add;
  if (recompute == Recompute::kSelective) layer += 2 * gather;
  if (recompute == Recompute::kFull) layer += 2 * gather + 2 * add;
  double elements = r.layers() * layer;
  for (const StageLayers& chunk : r.chunks) {
    if (r.is_first(chunk)) elements += add + gather;
    if (r.is_last(chunk)) elements += gather + 3 * r.S + add;
  }
  elements *= r.micro_batches;
  for (const Bucket& bucket : r.cuts.buckets) {
    for (const TensorRun& run : runs_of(r.layout, r.shard(bucket))) {
      if (run.tensor->row.partial) elements += static_cast<double>(run.size());
    }
  }
  return elements;
}

double context(const RankShape& r, const LlamaSettings& model, double n) {
  const bool ring = model.context == ContextKind::kRing;
  const double forward = ring ? n - 1 : 1;
  const double passes = model.recompute == Recompute::kFull ? 2 : 1;
  const double backward = (ring ? n - 1 : 1) + n;
  return r.micro_batches * r.layers() * (passes * forward + backward) * r.pairs;
}

double pipeline(const RankShape& r) {
  double messages = 0;
  for (const StageLayers& chunk : r.chunks) {
    messages += (r.is_last(chunk) ? 0 : 1) + (r.is_first(chunk) ? 0 : 1);
  }
  return r.micro_batches * messages * r.K * r.C;
}

// How often a unit's weights are gathered for a micro-batch (ZeRO-3).
double gathers(const RankShape& r, const Unit& unit) {
  if (unit.layer >= 0) return 2;
  if (unit.layer == TensorRow::kAfterLayers) return 1;
  // The table of the embeddings, which is the head, too, where both are on this stage.
  for (const Placed& placed : r.layout.tensors) {
    if (placed.row.name == "lm_head.weight") return 1;
  }
  const bool has_head = r.layout.tensors.back().row.layer == TensorRow::kAfterLayers;
  return has_head ? 2 : 1;
}

double data(const RankShape& r) {
  const double buckets = r.bucket_elements();
  if (r.zero == 0) return buckets;
  if (r.zero == 1) return buckets + r.shard_elements();
  double elements = r.micro_batches * buckets;
  if (r.zero == 2) return elements + r.shard_elements();
  for (const Unit& unit : r.cuts.units) {
    double shards = 0;
    for (int b = unit.first_bucket; b < unit.end_bucket; ++b) {
      shards += static_cast<double>(r.shard(r.cuts.buckets[b]).size());
    }
    elements += r.micro_batches * gathers(r, unit) * shards;
  }
  return elements;
}

double tied(const RankShape& r) {
  double elements = 0;
  for (const Bucket& bucket : r.cuts.buckets) {
    for (const TensorRun& run : runs_of(r.layout, r.shard(bucket))) {
      const TensorRow& row = run.tensor->row;
      if (row.has_copy || !row.tied_to.empty()) elements += static_cast<double>(run.size());
    }
  }
  return elements;
}

}  // namespace

VolumeEstimate estimate_volume(const Plan& plan, const Place& place) {
  const RankShape r(plan, place);
  const LlamaSettings& model = plan.model.settings();
  const double element = plan.element;
  VolumeEstimate volume;
  if (plan.mesh.tp() > 1) volume.tensor = element * tensor(r, model.recompute);
  if (plan.mesh.cp() > 1) volume.context = element * context(r, model, plan.mesh.cp());
  if (plan.mesh.pp() > 1) volume.pipeline = element * pipeline(r);
  if (r.gradient_ranks > 1) volume.data = element * data(r) + 2 * sizeof(std::int64_t);
  if (plan.mesh.pp() > 1) volume.rest += element * tied(r);
  if (plan.mesh.ranks() > 1) volume.rest += 2 * sizeof(double);  // loss, norm
  return volume;
}

}  // namespace tutti::train
