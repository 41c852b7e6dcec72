#include "train/app/auto_mesh.h"

#include "train/failure.h"
#include "train/model_family.h"

namespace tutti::train {
namespace {

std::string mesh_text(const planner::Layout& layout) {
  return "dp=" + std::to_string(layout.dp) + ",pp=" + std::to_string(layout.pp) +
         ",cp=" + std::to_string(layout.cp) + ",tp=" + std::to_string(layout.tp);
}

std::string order_text(const planner::Layout& layout) {
  std::string text;
  for (const planner::Dimension dimension : layout.order) {
    text.append(text.empty() ? "" : ",").append(planner::name(dimension));
  }
  return text;
}

}  // namespace

planner::Problem problem_of(const RunConfig& config, const planner::MachineShape& machine) {
  const ModelConfig model = read_model(config.model, config.family);
  planner::Problem problem;
  problem.model = must(planner::parse_model(to_json(model, "float32"), config.model));
  problem.machine = machine;
  problem.job.sequence = config.sequence;
  problem.job.batch_tokens = config.batch * config.sequence;
  problem.job.precision = planner::Precision::kFp32;
  problem.job.trainer.bucket_bytes = static_cast<double>(config.bucket_bytes);
  return problem;
}

planner::MachineShape machine_of_ranks(const Topology& topology, double peak) {
  planner::MachineShape machine = must(planner::machine_of(topology));
  machine.peak_fp32 = peak;
  machine.efficiency.products = 1;  // of what products were measured to reach
  return machine;
}

RunConfig with_best_layout(const RunConfig& config, const planner::MachineShape& machine) {
  const planner::Ranking ranking = must(planner::search(problem_of(config, machine), {.keep = 1}));
  if (ranking.best.empty()) {
    throw Failure("mesh auto: no layout of " + std::to_string(machine.ranks()) +
                  " ranks fits in memory; the smallest is " +
                  planner::to_text(ranking.smallest.front().layout));
  }
  return with_layout(config, ranking.best.front().layout);
}

RunConfig with_layout(const RunConfig& config, const planner::Layout& layout) {
  RunConfig decided = config;
  decided.mesh = mesh_text(layout);
  decided.order = order_text(layout);
  decided.micro_batch = layout.micro_batch;
  decided.zero = layout.zero;
  decided.recompute = planner::name(layout.recomputation);
  decided.sequence_parallel = layout.sequence_parallel;
  decided.pipeline = name(layout.pipeline);
  decided.chunks = layout.chunks;
  return decided;
}

}  // namespace tutti::train
