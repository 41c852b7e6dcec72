// Bytes that a rank gives to calls in a step, call by call as language_stage.cc, pipeline_run.cc
// and data_parallel.cc make them; those of sublayers: sublayer_size.h.

#include "train/app/rank_shape.h"

namespace tutti::train {
namespace {

// Of the layers' sublayers, for a micro-batch.
GroupVolume of_layers(const RankShape& r) {
  GroupVolume volume;
  const auto add = [&](const GroupVolume& pass) {
    volume.tensor += pass.tensor;
    volume.context += pass.context;
  };
  for (const StageLayers& chunk : r.chunks) {
    for (int layer = chunk.first; layer < chunk.end; ++layer) {
      for (const int kind : r.sublayers.layers[static_cast<std::size_t>(layer)]) {
        const SublayerSize& sublayer = r.sublayers.kinds[static_cast<std::size_t>(kind)];
        add(sublayer.forward);
        if (r.recompute == Recompute::kSelective) add(sublayer.restore);
        if (r.recompute == Recompute::kFull) add(sublayer.forward);
        add(sublayer.backward);
      }
    }
  }
  return volume;
}

// Beside the layers: embedding, head and loss, and gradients of which ranks have parts.
double tensor(const RankShape& r) {
  double elements = 0;
  for (const StageLayers& chunk : r.chunks) {
    if (r.is_first(chunk)) elements += r.stream.add() + r.stream.gather();
    if (r.is_last(chunk)) elements += r.stream.gather() + 3 * r.stream.S + r.stream.add();
  }
  elements *= r.micro_batches;
  for (const Bucket& bucket : r.cuts.buckets) {
    for (const TensorRun& run : runs_of(r.layout, r.shard(bucket))) {
      if (run.tensor->row.partial) elements += static_cast<double>(run.size());
    }
  }
  return elements;
}

double pipeline(const RankShape& r) {
  double messages = 0;
  for (const StageLayers& chunk : r.chunks) {
    messages += (r.is_last(chunk) ? 0 : 1) + (r.is_first(chunk) ? 0 : 1);
  }
  return r.micro_batches * messages * r.hidden;
}

double gradients(const RankShape& r) {
  return (r.zero >= 2 ? r.micro_batches : 1) * r.bucket_elements();
}

double weights(const RankShape& r) {
  if (r.zero == 0) return 0;
  double elements = 0;
  if (r.zero < 3) {
    for (const Bucket& bucket : r.cuts.buckets) elements += r.given_elements(bucket);
    return elements;
  }
  for (const Unit& unit : r.cuts.units) {
    double shards = 0;
    for (int b = unit.first_bucket; b < unit.end_bucket; ++b) {
      shards += r.given_elements(r.cuts.buckets[b]);
    }
    elements += r.micro_batches * r.gathers(unit) * shards;
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
  const GroupVolume layers = of_layers(r);
  const double element = plan.element;
  VolumeEstimate volume;
  if (plan.mesh.tp() > 1) volume.tensor = element * (r.micro_batches * layers.tensor + tensor(r));
  volume.context = element * r.micro_batches * layers.context;
  if (plan.mesh.pp() > 1) volume.pipeline = element * pipeline(r);
  if (r.gradient_ranks > 1) {
    volume.data = plan.precise() * gradients(r) + element * weights(r) + 2 * sizeof(std::int64_t);
  }
  if (plan.mesh.pp() > 1) volume.rest += plan.precise() * tied(r);
  if (plan.mesh.ranks() > 1) volume.rest += 2 * sizeof(double);  // loss, norm
  return volume;
}

}  // namespace tutti::train
