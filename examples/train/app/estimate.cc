#include "train/app/estimate.h"

#include <fmt/format.h>

#include <algorithm>

#include "train/app/numbers.h"
#include "train/app/rank_shape.h"
#include "tutti/planner.h"

namespace tutti::train {
namespace {

constexpr int kStagesShown = 8;

std::string memory_lines(const Plan& plan) {
  std::string text =
      "\nmemory of a rank\n"
      "             parameters   weights  gradients  optimizer  activations  workspace    "
      "messages    windows    process        sum\n";
  const int stages = std::min(plan.mesh.pp(), kStagesShown);
  for (int stage = 0; stage < stages; ++stage) {
    const Place place = {0, stage, 0, 0};
    const MemoryEstimate memory = estimate_memory(plan, place);
    const double windows = estimate_windows(plan, place);
    const double process = process_bytes();
    text += fmt::format(
        "  pp {:<6} {:>12} {:>9} {:>10} {:>10} {:>12} {:>10} {:>11} {:>10} {:>10} {:>10}\n", stage,
        count_text(static_cast<double>(parameters_at(plan, place))), bytes_text(memory.weights),
        bytes_text(memory.gradients), bytes_text(memory.optimizer), bytes_text(memory.activations),
        bytes_text(memory.workspace), bytes_text(memory.communication), bytes_text(windows),
        bytes_text(process), bytes_text(memory.sum() + windows + process));
  }
  return text;
}

// "1.23 M a token: 1.00 M GEMM with weights, 230 k scans"
std::string parts_of(const TokenFlops& flops) {
  std::string text = fmt::format("{} a token: {} GEMM with weights", count_text(flops.causal),
                                 count_text(flops.weights));
  if (flops.scans > 0) text += fmt::format(", {} scans", count_text(flops.scans));
  if (flops.attention() > 0) text += fmt::format(", {} attention", count_text(flops.attention()));
  return text;
}

std::string volume_lines(const Plan& plan) {
  std::string text =
      "\ncommunication of a rank in a step: bytes that it gives to calls\n"
      "                 tensor     context    pipeline        data        rest         sum\n";
  const int stages = std::min(plan.mesh.pp(), kStagesShown);
  for (int stage = 0; stage < stages; ++stage) {
    const VolumeEstimate volume = estimate_volume(plan, {0, stage, 0, 0});
    text += fmt::format("  pp {:<6} {:>12} {:>11} {:>11} {:>11} {:>11} {:>11}\n", stage,
                        bytes_text(volume.tensor), bytes_text(volume.context),
                        bytes_text(volume.pipeline), bytes_text(volume.data),
                        bytes_text(volume.rest), bytes_text(volume.sum()));
  }
  if (plan.mesh.pp() > stages) {
    text += fmt::format("(the first {} of {} stages)\n", stages, plan.mesh.pp());
  }
  return text;
}

}  // namespace

double process_bytes() { return must(planner::machine_preset("cpu")).process; }

int micro_batches(const Plan& plan) {
  return static_cast<int>(plan.settings.batch / (computing(plan.model).sequences * plan.mesh.dp()));
}

long tokens_of_step(const Plan& plan) {
  return plan.settings.batch * computing(plan.model).sequence;
}

long parameters_at(const Plan& plan, const Place& place) {
  const RankShape r(plan, place);
  long count = 0;
  for (const Placed& placed : r.layout.tensors) {
    const Part& part = placed.part;
    count += std::clamp(placed.row.rows - part.first_row, 0L, part.rows) * part.columns;
  }
  return count;
}

std::string describe(const Plan& plan, const std::string& name) {
  const ModelConfig config = config_of(plan.model);
  const ComputeSettings& compute = computing(plan.model);
  const TokenFlops flops = flops_per_token(config, compute.sequence);
  const double tokens = static_cast<double>(tokens_of_step(plan));
  std::string text = fmt::format(
      "model        {}: {}\n"
      "parameters   {} ({})\n"
      "mesh         {}: {} ranks in the order {}\n"
      "step         {} tokens: {} sequences of {}, {} micro-batches of {} on each rank\n"
      "FLOPs        {} a step; {} with attention (and chunks of Mamba-2) counted as full\n"
      "             {}\n",
      name, describe(config), count_text(static_cast<double>(parameters(config))),
      parameters(config), to_text(plan.mesh), plan.mesh.ranks(), order_text(plan.mesh),
      tokens_of_step(plan), plan.settings.batch, compute.sequence, micro_batches(plan),
      compute.sequences, count_text(tokens * flops.causal), count_text(tokens * flops.full),
      parts_of(flops));
  return text + memory_lines(plan) + volume_lines(plan);
}

}  // namespace tutti::train
