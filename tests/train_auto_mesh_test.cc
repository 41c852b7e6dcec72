// Tests examples/train/app/auto_mesh.cc: a layout that can be run, and the planner's; and that the
// planner (src/planner/memory.cc, windows.cc) foresees the memory that the trainer does.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include "train/app/auto_mesh.h"
#include "train/app/estimate.h"
#include "train/app/setup.h"

namespace tutti::train {
namespace {

planner::MachineShape machine(int ranks) {
  planner::MachineShape machine = must(planner::machine_preset("cpu"));
  machine.devices = ranks;
  return machine;
}

RunConfig config_of(ModelFamily family) {
  RunConfig config = defaults_of(family);
  config.mesh = "auto";
  config.batch = 8;
  config.sequence = 128;
  return config;
}

TEST(AutoMesh, CanBeRunAsItStands) {
  for (const ModelFamily family : {ModelFamily::kLlama, ModelFamily::kMamba}) {
    for (const int ranks : {1, 2, 4, 8}) {
      const RunConfig decided = with_best_layout(config_of(family), machine(ranks));
      EXPECT_EQ(make_setup(decided, ranks).mesh.ranks(), ranks) << decided.mesh;
    }
  }
}

// One sequence cannot be shared by data-parallel ranks.
TEST(AutoMesh, DependsOnTheJobAndTheMachine) {
  RunConfig config = config_of(ModelFamily::kLlama);
  EXPECT_EQ(with_best_layout(config, machine(4)).mesh.find("dp=1"), std::string::npos);
  config.batch = 1;
  EXPECT_NE(with_best_layout(config, machine(4)).mesh.find("dp=1"), std::string::npos);
}

// Messages of a pipeline, rather than gradients.
TEST(AutoMesh, PutsFarApartWhatSaysLeast) {
  planner::MachineShape two_hosts = machine(4);
  two_hosts.nodes = 2;
  two_hosts.between.bandwidth = 1e7;
  RunConfig config = config_of(ModelFamily::kLlama);
  config.sequence = 16;
  const RunConfig decided = with_best_layout(config, two_hosts);
  EXPECT_EQ(decided.order, "pp,dp,cp,tp") << decided.mesh;
  EXPECT_EQ(order_text(make_setup(decided, 8).mesh), decided.order);
}

TEST(AutoMesh, SaysThatNothingFits) {
  planner::MachineShape small = machine(2);
  small.memory = 1 << 20;
  try {
    with_best_layout(config_of(ModelFamily::kLlama), small);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("mesh auto: no layout of 2 ranks fits in memory"),
              std::string::npos)
        << failure.what();
  }
}

// ---- memory

RunConfig config_of(ModelFamily family, const std::string& model, const planner::Layout& layout) {
  RunConfig config = defaults_of(family);
  config.model = model;
  config.batch = 16;
  config.sequence = 256;
  return with_layout(config, layout);
}

// All meshes; stages of ZeRO (every `step`-th) and other settings take turns.
std::vector<planner::Layout> layouts(int ranks, int step) {
  using planner::Recomputation;
  constexpr PipelineKind kKinds[] = {PipelineKind::kOneForwardOneBackward,
                                     PipelineKind::kZeroBubble, PipelineKind::kGpipe,
                                     PipelineKind::kInterleaved};
  std::vector<planner::Layout> all;
  int n = 0;
  for (int tp = 1; tp <= std::min(ranks, 2); tp *= 2) {
    for (int cp = 1; cp * tp <= ranks; cp *= 2) {
      for (int pp = 1; pp * cp * tp <= ranks && pp <= 4; pp *= 2) {
        for (int zero = n % step; zero < 4; zero += step, ++n) {
          planner::Layout layout{
              .dp = ranks / tp / cp / pp, .pp = pp, .cp = cp, .tp = tp, .zero = zero};
          layout.micro_batch = 1 << (n % 2);
          layout.recomputation = static_cast<Recomputation>(n % 3);
          if (pp > 1) layout.pipeline = kKinds[n / 4 % (pp == 2 ? 4 : 3)];
          layout.chunks = layout.pipeline == PipelineKind::kInterleaved ? 2 : 1;
          all.push_back(layout);
        }
      }
    }
  }
  return all;
}

void expect_same_memory(ModelFamily family, const std::string& name, const planner::Layout& layout,
                        double tolerance) {
  const RunConfig config = config_of(family, name, layout);
  SCOPED_TRACE(name + " " + planner::to_text(layout));
  const planner::Problem problem = problem_of(config, machine(layout.ranks()));
  const planner::Memory memory = must(planner::estimate(problem, layout)).memory;
  const Setup setup = make_setup(config, layout.ranks());
  const Plan plan{setup.model, setup.training, setup.mesh, 4, layout.ranks()};
  double arrays = 0, windows = 0;
  for (int stage = 0; stage < layout.pp; ++stage) {
    arrays = std::max(arrays, estimate_memory(plan, {0, stage, 0, 0}).sum());
    windows = std::max(windows, estimate_windows(plan, {0, stage, 0, 0}));
  }
  const double foreseen = memory.total() - memory.windows - memory.process - memory.headroom;
  EXPECT_NEAR(foreseen / arrays, 1, tolerance) << arrays / (1 << 20) << " MiB";
  EXPECT_EQ(memory.process, process_bytes());
  EXPECT_NEAR(memory.windows, windows, 0.06 * (arrays + windows + memory.process));
}

void expect_same_activations_in_bf16(ModelFamily family, const std::string& name, int pp) {
  const planner::Layout layout{.dp = 4 / pp, .pp = pp, .micro_batch = 4, .zero = 0};
  const RunConfig config = config_of(family, name, layout);
  planner::Problem problem = problem_of(config, machine(4));
  problem.job.precision = planner::Precision::kBf16;
  const planner::Memory memory = must(planner::estimate(problem, layout)).memory;
  const Setup setup = make_setup(config, 4);
  const Plan plan{setup.model, setup.training, setup.mesh, 2, 4};
  double activations = 0;
  for (int stage = 0; stage < pp; ++stage) {
    const MemoryEstimate of_stage = estimate_memory(plan, {0, stage, 0, 0});
    activations =
        std::max(activations, of_stage.activations + of_stage.workspace + of_stage.communication);
  }
  EXPECT_NEAR((memory.activations + memory.buffers) / activations, 1, 0.03) << name << " pp=" << pp;
}

// Residual streams of Mambas are fp32.
TEST(PlannedMemory, OfActivationsInBf16IsTheTrainers) {
  for (const int pp : {1, 2}) {
    expect_same_activations_in_bf16(ModelFamily::kLlama, "llama-tiny", pp);
    expect_same_activations_in_bf16(ModelFamily::kMamba, "mamba2-tiny", pp);
  }
  expect_same_activations_in_bf16(ModelFamily::kMamba, "hybrid-tiny", 1);
}

TEST(PlannedMemory, IsTheTrainers) {
  for (const int ranks : {1, 8}) {
    for (const planner::Layout& layout : layouts(ranks, 4)) {
      expect_same_memory(ModelFamily::kLlama, "llama-tiny", layout, 0.03);
      expect_same_memory(ModelFamily::kMamba, "mamba2-tiny", layout, 0.03);
    }
  }
}

TEST(PlannedMemoryExhaustive, IsTheTrainers) {
  for (const int ranks : {2, 4, 8}) {
    for (const planner::Layout& layout : layouts(ranks, 1)) {
      expect_same_memory(ModelFamily::kLlama, "llama-tiny", layout, 0.03);
      expect_same_memory(ModelFamily::kMamba, "mamba2-tiny", layout, 0.03);
      expect_same_memory(ModelFamily::kMamba, "mamba-tiny", layout, 0.03);
    }
  }
}

}  // namespace
}  // namespace tutti::train
