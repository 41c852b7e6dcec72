// Tests src/planner/estimate.cc, step.cc, memory.cc, stage_costs.cc, layer_costs.cc and layer.cc.
//
// ROOMS: planner
// SANITIZERS: none

#include <gtest/gtest.h>

#include "planner/memory.h"
#include "planner/step.h"

namespace tutti::planner {
namespace {

// A LLaMA that one can count by hand: C 64, 4 heads of 16, F 128, 4 layers, 512 words.
Problem small() {
  Problem problem{*model_preset("llama-tiny"), *machine_preset("8xh100"), {}};
  problem.model.vocabulary = 512;
  problem.model.width = 64;
  problem.model.runs = {
      {.layers = 4, .mlp_width = 128, .heads = 4, .kv_heads = 2, .head_width = 16}};
  problem.job = {.sequence = 32, .batch_tokens = 32 * 64};
  problem.machine.headroom = 0;
  return problem;
}

Estimate of(const Problem& problem, const Layout& layout) {
  const auto found = estimate(problem, layout);
  EXPECT_TRUE(found.ok()) << found.status().message();
  return found.ok() ? *found : Estimate{};
}

// Weights of a layer: q and o 64 x 64, k and v 64 x 32, three of 64 x 128, two norms.
constexpr double kLayer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64;
constexpr double kAll = 4 * kLayer + 2 * 512 * 64 + 64;

TEST(PlannerMemory, StateOfEachZeroStageByHand) {
  const Problem problem = small();
  const double bytes[4][3] = {{2, 4, 12}, {2, 4, 1.5}, {2, 0.5, 1.5}, {0.25, 0.5, 1.5}};
  for (int zero = 0; zero <= 3; ++zero) {
    const Memory memory = of(problem, {.dp = 8, .zero = zero}).memory;
    EXPECT_DOUBLE_EQ(memory.parameters, kAll * bytes[zero][0]) << zero;
    EXPECT_DOUBLE_EQ(memory.gradients, kAll * bytes[zero][1]) << zero;
    EXPECT_DOUBLE_EQ(memory.optimizer, kAll * bytes[zero][2]) << zero;
  }
}

// Of a token: the inputs of both norms and what they make, 4 C; q, k, v and what attention makes,
// 2 HD + 2 JD, a number a head; 3 F; a number a norm. Beside the layers 3 C. Two bytes each; 32
// tokens.
TEST(PlannerMemory, ActivationsByHand) {
  const double token = 4 * 64 + 2 * 64 + 2 * 32 + 4 + 3 * 128 + 2;
  const Memory memory = of(small(), {.dp = 8}).memory;
  EXPECT_DOUBLE_EQ(memory.activations, 2 * 32 * (4 * token + 3 * 64));
  const Memory twice = of(small(), {.dp = 8, .micro_batch = 2}).memory;
  EXPECT_DOUBLE_EQ(twice.activations, 2 * memory.activations);
  Layout full{.dp = 8, .recomputation = Recomputation::kFull};
  EXPECT_DOUBLE_EQ(of(small(), full).memory.activations, 2 * 32 * (4 * 64 + 3 * 64));
}

// The first rank of 1F1B keeps as many micro-batches as there are ranks, GPipe all.
TEST(PlannerMemory, PipelinesKeepMicroBatches) {
  Problem problem = small();
  problem.model.vocabulary = 8;  // so that the first rank needs most
  Layout layout{.dp = 2, .pp = 4, .zero = 0};
  const double one = 2 * 32 * (4 * 64 + 2 * 64 + 2 * 32 + 4 + 3 * 128 + 2 + 2 * 64);
  EXPECT_DOUBLE_EQ(of(problem, layout).memory.activations, 4 * one);
  layout.pipeline = PipelineKind::kGpipe;
  const double last = of(problem, layout).memory.activations;
  EXPECT_GE(last, 32 * one);
}

TEST(PlannerMemory, HeadroomIsAShareOfTheRest) {
  Problem problem = small();
  const double bare = of(problem, {.dp = 8}).memory.total();
  problem.machine.headroom = 0.25;
  EXPECT_DOUBLE_EQ(of(problem, {.dp = 8}).memory.total(), 1.25 * bare);
}

// With sequence parallelism each layer gathers twice and adds up twice, forward and backward; the
// embedding adds up, the head gathers.
TEST(PlannerVolumes, TensorByHand) {
  const Volumes volumes = of(small(), {.dp = 4, .tp = 2}).volumes;
  const double shared = 2 * 32 * 64;  // bytes of all tokens
  const double micro_batches = 16;
  EXPECT_DOUBLE_EQ(volumes.tensor, micro_batches * shared * (4 * 8 + 2 + 2));
}

// Keys and values of half of the tokens go one hop; backward, they and their gradients, and the
// last of these come home.
TEST(PlannerVolumes, ContextByHand) {
  const Volumes volumes = of(small(), {.dp = 4, .cp = 2}).volumes;
  const double pairs = 2 * 16 * 2 * 32;  // bytes: 16 tokens, keys and values of 32
  EXPECT_DOUBLE_EQ(volumes.context, 16 * 4 * pairs * (3 * 2 - 2));
}

// Its residual stream has four bytes a number, whatever the weights have; a LLaMA's has theirs.
TEST(PlannerVolumes, StagesOfAMambaHandOnFp32) {
  Problem problem = small();
  const Layout layout{.dp = 4, .pp = 2, .zero = 0};
  const auto bytes = [&](const char* model, Precision precision) {
    problem.model = *model_preset(model);
    problem.job.precision = precision;
    const double width = static_cast<double>(problem.model.width);
    return of(problem, layout).volumes.pipeline / (16 * 2 * 32 * width);
  };
  EXPECT_DOUBLE_EQ(bytes("mamba2-130m", Precision::kBf16), 4);
  EXPECT_DOUBLE_EQ(bytes("mamba2attn-2.7b", Precision::kBf16), 4);
  EXPECT_DOUBLE_EQ(bytes("mamba2-130m", Precision::kFp32), 4);
  EXPECT_DOUBLE_EQ(bytes("llama-tiny", Precision::kBf16), 2);
}

TEST(PlannerVolumes, PipelineAndDataByHand) {
  const Problem problem = small();
  EXPECT_DOUBLE_EQ(of(problem, {.dp = 4, .pp = 2, .zero = 0}).volumes.pipeline,
                   16 * 2 * (2 * 32 * 64));
  EXPECT_DOUBLE_EQ(of(problem, {.dp = 8, .zero = 0}).volumes.data, 4 * kAll);
  EXPECT_DOUBLE_EQ(of(problem, {.dp = 8, .zero = 1}).volumes.data, 6 * kAll);
  EXPECT_DOUBLE_EQ(of(problem, {.dp = 8, .zero = 2}).volumes.data, 8 * 4 * kAll + 2 * kAll);
  EXPECT_DOUBLE_EQ(of(problem, {.dp = 8, .zero = 3}).volumes.data, 8 * (4 + 4) * kAll);
}

// ---- seconds

Problem large() {
  Problem problem{*model_preset("llama2-13b"), *machine_preset("8xh100"), {}};
  problem.machine.nodes = 4;
  return problem;
}

std::vector<Layout> layouts() {
  using enum Dimension;
  return {{.dp = 32},
          {.dp = 32, .zero = 3},
          {.dp = 4, .tp = 8},
          {.dp = 4, .tp = 8, .recomputation = Recomputation::kSelective},
          {.dp = 4, .pp = 4, .tp = 2, .recomputation = Recomputation::kFull},
          {.dp = 4, .pp = 4, .tp = 2, .pipeline = PipelineKind::kInterleaved, .chunks = 2},
          {.dp = 4, .pp = 8, .pipeline = PipelineKind::kZeroBubble},
          {.dp = 2, .cp = 16, .micro_batch = 2},
          {.dp = 2, .pp = 2, .cp = 2, .tp = 4, .order = {kTensor, kContext, kPipeline, kData}}};
}

// More of anything a machine has never makes a layout slower.
TEST(PlannerEstimate, BetterMachinesAreNeverSlower) {
  const char* const better[] = {
      "inside.bandwidth=900",    "between.bandwidth=100",      "inside.latency=1",
      "between.latency=1",       "memory_bandwidth=9000",      "peak_bf16=2000",
      "efficiency.overlap=1",    "efficiency.kernel=1",        "efficiency.contention=0",
      "efficiency.products=0.9", "efficiency.half_tokens=100", "efficiency.progress=0"};
  const Problem problem = large();
  for (const Layout& layout : layouts()) {
    const double before = of(problem, layout).times.step();
    for (const char* const change : better) {
      Problem changed = problem;
      changed.machine = *with_figures(problem.machine, change);
      EXPECT_LE(of(changed, layout).times.step(), before * (1 + 1e-9))
          << to_text(layout) << " " << change;
    }
  }
}

// What a micro-batch leaves stays in a cache that is large enough, and partly in a smaller one.
TEST(PlannerEstimate, CachesMakeSmallMicroBatchesFaster) {
  Problem problem{*model_preset("mamba2-130m"), *machine_preset("cpu"), {}};
  problem.machine.cores = problem.machine.devices = 2;
  problem.job = {.sequence = 256, .batch_tokens = 256 * 16, .precision = Precision::kFp32};
  const auto compute = [&](const char* cache, int micro_batch) {
    Problem changed = problem;
    changed.machine = *with_figures(problem.machine, cache);
    return of(changed, {.dp = 2, .micro_batch = micro_batch}).times.compute;
  };
  EXPECT_LT(compute("cache=100000", 1), compute("cache=100", 1));
  EXPECT_LT(compute("cache=100", 1), compute("cache=0", 1));
  const double gain = compute("cache=0", 1) - compute("cache=100", 1);
  EXPECT_NEAR(compute("cache=0", 8) - compute("cache=100", 8), gain / 8, 0.01 * gain);
}

// Tokens of a chunk see those before them; a part of a sequence has no longer chunks than it is.
TEST(PlannerLayer, ScansInChunksAreTriangles) {
  const ModelShape model = *model_preset("mamba2-130m");
  const LayerRun& run = model.runs[0];
  const auto pairs = [&](double tokens, long chunk) {
    LayerRun changed = run;
    changed.chunk = chunk;
    const Share share{.tokens = tokens, .kept = tokens, .sequence = tokens};
    return work_of(model, changed, share).pair_flops / tokens;
  };
  const double states = 4.0 * static_cast<double>(run.inner * run.state);
  EXPECT_DOUBLE_EQ((pairs(1024, 256) - states) / (pairs(1024, 64) - states), (256 + 64) / 128.0);
  EXPECT_DOUBLE_EQ(pairs(128, 256), pairs(1024, 128));
}

TEST(PlannerEstimate, BoundsHold) {
  for (const Layout& layout : layouts()) {
    const Problem problem = large();
    HostCalls calls(problem.machine);
    const Staged all = staged(problem, layout, calls);
    EXPECT_LE(least_seconds(all), times_of(all).step() * (1 + 1e-12)) << to_text(layout);
  }
}

TEST(PlannerEstimate, PartsAreNotNegativeAndFiguresAgree) {
  const Problem problem = large();
  for (const Layout& layout : layouts()) {
    const Estimate e = of(problem, layout);
    const Times& t = e.times;
    for (const double part : {t.compute, t.recompute, t.tensor, t.context, t.pipeline, t.bubble,
                              t.data, t.optimizer, t.rest}) {
      EXPECT_GE(part, 0) << to_text(layout);
    }
    const double tokens = static_cast<double>(problem.job.batch_tokens);
    EXPECT_NEAR(e.tokens_per_second * t.step(), tokens, 1e-6 * tokens);
    EXPECT_NEAR(e.joules_per_token * e.tokens_per_second, e.watts, 1e-6 * e.watts);
    EXPECT_GT(e.mfu, 0);
    EXPECT_LT(e.mfu, problem.machine.efficiency.products);
    const double most = 4 * (8 * problem.machine.busy_watts + problem.machine.node_watts);
    EXPECT_LE(e.watts, most);
  }
}

TEST(PlannerEstimate, RecomputationTakesTimeForMemory) {
  Layout layout{.dp = 4, .tp = 8};
  double seconds = 0;
  double bytes = 1e30;
  using enum Recomputation;
  for (const Recomputation recomputation : {kNone, kSelective, kFull}) {
    layout.recomputation = recomputation;
    const Estimate e = of(large(), layout);
    EXPECT_GT(e.times.step(), seconds);
    EXPECT_LT(e.memory.activations, bytes);
    seconds = e.times.step();
    bytes = e.memory.activations;
  }
}

// Mamba's context parallelism hands on states, whose size does not depend on the sequence.
TEST(PlannerEstimate, StatesOfScansDoNotGrowWithTheSequence) {
  Problem problem{*model_preset("mamba2-2.7b"), *machine_preset("8xh100"), {}};
  const double bytes = of(problem, {.dp = 4, .cp = 2}).volumes.context;
  problem.job.sequence *= 4;
  problem.job.batch_tokens *= 4;
  EXPECT_DOUBLE_EQ(of(problem, {.dp = 4, .cp = 2}).volumes.context, bytes);
}

TEST(PlannerEstimate, RefusesWhatDoesNotDivide) {
  EXPECT_EQ(estimate(large(), {.dp = 8}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace tutti::planner
