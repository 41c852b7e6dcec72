#include "planner/step.h"

#include <algorithm>

#include "planner/pipeline_costs.h"
#include "planner/shared_cores.h"

namespace tutti::planner {
namespace {

// Gradients travel in four bytes.
constexpr double kGradientBytes = 4;
// The gradient and its norm, weights and both sums of AdamW read and written, in four bytes.
constexpr double kOptimizerBytes = 4 + 4 + 3 * 8;

GroupShape along(const CostContext& c, std::initializer_list<Dimension> dimensions) {
  std::array<bool, kDimensions> varies = {};
  for (const Dimension dimension : dimensions) varies[static_cast<int>(dimension)] = true;
  return group_of(c.layout, varies, c.machine.devices);
}

double hand_on_seconds(const CostContext& c) {
  return c.pass(c.pipeline, c.hidden_bytes()) + c.call_seconds({});
}

StageTimes stage_times(const Staged& all, double hand_on) {
  StageTimes times{.hand_on = hand_on};
  for (const StageCosts& stage : all.stages) {
    times.forward.push_back(stage.costs.forward_pass());
    times.backward.push_back(stage.costs.backward_pass());
    times.weights.push_back(stage.costs.weights);
  }
  return times;
}

// What of the gradients' communication the passes do not hide: one backward pass hides that of a
// step, and at stages 2 and 3, where each micro-batch has its own, all of them do.
double data_seconds(const Staged& all) {
  const LayerCosts& busiest = all.busiest;
  const CostContext& c = all.context;
  const GroupShape group = along(c, {Dimension::kData, Dimension::kContext});
  if (group.ranks == 1) return 0;
  const double parameters = all.most_parameters;
  const double gradients = parameters * kGradientBytes;
  const double weights = parameters * c.element;
  const double m = all.micro_batches;
  // Bucket by bucket: each takes its latency.
  const double buckets = std::max(1.0, gradients / c.job.trainer.bucket_bytes);
  const double scatter = buckets * c.reduce_scatter(group, gradients / buckets);
  const double gather = buckets * c.all_gather(group, weights / buckets);
  const double backward = busiest.backward + busiest.weights + busiest.again;
  double seconds = 0;
  double passes = backward;
  switch (c.layout.zero) {
    case 0:
      seconds = buckets * c.all_reduce(group, gradients / buckets);
      break;
    case 1:
      seconds = scatter + gather;
      break;
    case 2:
      seconds = m * scatter + gather;
      passes = m * backward;
      break;
    default:
      seconds = m * (scatter + 2 * gather);
      passes = m * (backward + busiest.forward);
  }
  if (c.layout.zero > 0 && !c.job.trainer.hides_shards) return seconds;
  return std::max(0.0, seconds - c.machine.efficiency.overlap * passes);
}

double optimizer_seconds(const Staged& all) {
  const CostContext& c = all.context;
  const double shards = c.layout.zero >= 1 ? c.layout.dp * c.layout.cp : 1;
  return all.most_parameters / shards * kOptimizerBytes /
         (c.machine.memory_bandwidth * c.machine.efficiency.memory);
}

double passes_seconds(const Staged& all, double hand_on) {
  const CostContext& c = all.context;
  const StageTimes times = stage_times(all, hand_on);
  if (crowd_of(c.machine) > 1 && c.pipeline.nodes <= 1) {
    return shared_pipeline_seconds(c.machine, c.layout, all.micro_batches, times);
  }
  return pipeline_seconds(c.layout, all.micro_batches, times);
}

}  // namespace

Times times_of(const Staged& all) {
  const CostContext& c = all.context;
  const LayerCosts& busiest = all.busiest;
  const double m = all.micro_batches;
  Times times;
  times.compute = m * (busiest.forward + busiest.backward + busiest.weights);
  times.recompute = m * busiest.again;
  times.tensor = m * (busiest.tensor_forward + busiest.tensor_backward);
  times.context = m * (busiest.context_forward + busiest.context_backward);
  if (c.layout.pp > 1) {
    const double unsent = passes_seconds(all, 0);
    const double sent = passes_seconds(all, hand_on_seconds(c));
    times.pipeline = std::max(0.0, sent - unsent);
    times.bubble = std::max(0.0, unsent - m * busiest.all());
  }
  times.data = data_seconds(all);
  times.optimizer = optimizer_seconds(all);
  times.rest = c.machine.efficiency.step;
  return times;
}

double least_seconds(const Staged& all) {
  const LayerCosts& busiest = all.busiest;
  return all.micro_batches * busiest.all() + data_seconds(all) + optimizer_seconds(all) +
         all.context.machine.efficiency.step;
}

double computing_seconds(const Staged& all) {
  const LayerCosts& busiest = all.busiest;
  const double pass = busiest.forward + busiest.backward + busiest.weights + busiest.again;
  return all.micro_batches * pass + optimizer_seconds(all);
}

Volumes volumes_of(const Staged& all) {
  const CostContext& c = all.context;
  const LayerCosts& busiest = all.busiest;
  const double m = all.micro_batches;
  Volumes volumes{.tensor = m * busiest.tensor_bytes, .context = m * busiest.context_bytes};
  if (c.layout.pp > 1) volumes.pipeline = m * 2 * c.layout.chunks * c.hidden_bytes();
  if (c.layout.dp * c.layout.cp == 1) return volumes;
  const double gradients = all.most_parameters * kGradientBytes;
  const double weights = all.most_parameters * c.element;
  const double often = c.layout.zero >= 2 ? m : 1;
  volumes.data = often * gradients;
  if (c.layout.zero == 1 || c.layout.zero == 2) volumes.data += weights;
  if (c.layout.zero == 3) volumes.data += 2 * m * weights;
  return volumes;
}

}  // namespace tutti::planner
