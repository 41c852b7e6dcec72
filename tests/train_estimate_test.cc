// Tests examples/train/app/estimate.cc: what is said before a run is what a run then moves and
// allocates.
//
// ROOMS: train
// TIER: fast

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "train/app/estimate.h"
#include "train_mesh_cases.h"

namespace {

// What this thread has allocated and not freed: the trainer's arrays of a rank are allocated and
// freed by its thread.
thread_local long now_bytes = 0;
thread_local long most_bytes = 0;

void* allocate(std::size_t bytes, std::size_t alignment) {
  void* const memory =
      alignment == 0
          ? std::malloc(bytes)
          : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  now_bytes += static_cast<long>(malloc_usable_size(memory));
  most_bytes = std::max(most_bytes, now_bytes);
  return memory;
}
void release(void* memory) {
  if (memory != nullptr) now_bytes -= static_cast<long>(malloc_usable_size(memory));
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes, 0); }
void* operator new[](std::size_t bytes) { return allocate(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 0); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, 0);
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace tutti::train {
namespace {

std::vector<MeshCase> cases(const std::vector<int>& sizes) {
  using enum PipelineKind;
  std::vector<MeshCase> all;
  int n = 0;  // settings take turns
  for (const int ranks : sizes) {
    for (const Mesh& mesh : factorisations(ranks)) {
      MeshCase c{.mesh = mesh};
      constexpr PipelineKind kKinds[] = {kOneForwardOneBackward, kGpipe, kInterleaved, kZeroBubble};
      c.pipeline = mesh.pp() > 1 ? kKinds[n % 4] : kGpipe;
      c.zero = (n + n / 4) % 4;
      c.context = n % 2 == 0 ? ContextKind::kRing : ContextKind::kGather;
      c.sequence_parallel = n % 3 != 0;
      c.recompute = static_cast<Recompute>(n % 3);
      c.tied = n / 2 % 2 == 1;
      all.push_back(c);
      ++n;
    }
  }
  return all;
}

void expect_volume(const VolumeEstimate& estimate, const StepTraffic& traffic) {
  EXPECT_EQ(estimate.tensor, traffic.tensor.bytes);
  EXPECT_EQ(estimate.context, traffic.context.bytes);
  EXPECT_EQ(estimate.pipeline, traffic.pipeline.bytes);
  EXPECT_EQ(estimate.data, traffic.data.bytes);
  EXPECT_EQ(estimate.rest, traffic.rest.bytes);
}

TEST(Estimate, EveryByteOfCommunicationIsForeseen) {
  for (const MeshCase& c : cases({1, 2, 4})) {
    const Llama model(llama_of(c));
    const TrainSettings settings = training_of(c);
    const RandomSamples samples(model.vocabulary());
    std::vector<StepTraffic> traffic(c.mesh.ranks());
    on_mesh(c.mesh, [&](Groups& groups) {
      Trainer<double> trainer(settings, model, groups, samples);
      trainer.step();
      traffic[groups.world.rank()] = trainer.step().traffic;
    });
    for (int rank = 0; rank < c.mesh.ranks(); ++rank) {
      SCOPED_TRACE(to_text(c) + ", rank " + std::to_string(rank));
      const Plan plan{model, settings, c.mesh, sizeof(double)};
      expect_volume(estimate_volume(plan, c.mesh.place_of(rank)), traffic[rank]);
    }
  }
}

// Large enough that what is counted is numbers, not the objects around them.
LlamaSettings larger(const MeshCase& c) {
  LlamaSettings settings = llama_of(c);
  settings.config.vocabulary = 512;
  settings.config.width = 64;
  settings.config.mlp_width = 176;
  settings.config.head_width = 16;
  settings.config.layers = 4;
  settings.sequence = 128;
  return settings;
}

// Of the second step of each rank, beyond what was there before the trainer.
std::vector<double> measure_memory(const MeshCase& c, const Llama& model,
                                   const TrainSettings& settings) {
  const RandomSamples samples(model.vocabulary());
  std::vector<double> most(c.mesh.ranks());
  on_mesh(c.mesh, [&](Groups& groups) {
    const long before = now_bytes;
    Trainer<float> trainer(settings, model, groups, samples);
    trainer.step();
    most_bytes = now_bytes;
    trainer.step();
    most[groups.world.rank()] = static_cast<double>(most_bytes - before);
  });
  return most;
}

TEST(Estimate, MemoryIsWhatATrainerAllocates) {
  using enum PipelineKind;
  const std::vector<MeshCase> some = {
      {.mesh = mesh_of(1, 1, 1, 1), .recompute = Recompute::kNone},
      {.mesh = mesh_of(1, 1, 1, 1), .recompute = Recompute::kSelective},
      {.mesh = mesh_of(1, 1, 1, 1), .recompute = Recompute::kFull},
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 0},
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 1},
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 3},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kGpipe},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kOneForwardOneBackward},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kInterleaved},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kZeroBubble},
      {.mesh = mesh_of(1, 1, 2, 1)},
      {.mesh = mesh_of(1, 1, 2, 1), .context = ContextKind::kGather},
      {.mesh = mesh_of(1, 1, 1, 2)},
      {.mesh = mesh_of(1, 1, 1, 2), .sequence_parallel = false},
      {.mesh = mesh_of(2, 1, 1, 2), .zero = 2},
  };
  for (const MeshCase& c : some) {
    SCOPED_TRACE(to_text(c));
    const Llama model(larger(c));
    const TrainSettings settings = training_of(c);
    const std::vector<double> measured = measure_memory(c, model, settings);
    for (int rank = 0; rank < c.mesh.ranks(); ++rank) {
      const Plan plan{model, settings, c.mesh, sizeof(float)};
      const double estimate = estimate_memory(plan, c.mesh.place_of(rank)).sum();
      EXPECT_NEAR(estimate / measured[rank], 1, 0.05)
          << "rank " << rank << ": " << estimate << " foreseen, " << measured[rank] << " measured";
    }
  }
}

TEST(Estimate, RecomputingAndSharingSaveWhatTheySay) {
  const auto sum = [](const MeshCase& c) {
    const Llama model(larger(c));
    const TrainSettings settings = training_of(c);
    return estimate_memory({model, settings, c.mesh, 4}, {}).sum();
  };
  const Mesh one = mesh_of(1, 1, 1, 1);
  EXPECT_LT(sum({.mesh = one, .recompute = Recompute::kFull}),
            sum({.mesh = one, .recompute = Recompute::kSelective}));
  EXPECT_LT(sum({.mesh = one, .recompute = Recompute::kSelective}), sum({.mesh = one}));
  const Mesh data = mesh_of(4, 1, 1, 1);
  EXPECT_LT(sum({.mesh = data, .zero = 1}), sum({.mesh = data, .zero = 0}));
  EXPECT_LT(sum({.mesh = data, .zero = 3}), sum({.mesh = data, .zero = 1}));
}

// Published sizes, and their FLOPs a token.
TEST(Estimate, ParametersOfRanksAddUpToTheModels) {
  LlamaSettings settings;
  settings.config = llama_preset("8b");
  settings.sequence = 8192;
  const Llama model(settings);
  TrainSettings training;
  training.batch = 4;
  const Mesh mesh = mesh_of(2, 2, 1, 2);
  const Plan plan{model, training, mesh, 4};
  long matrices = 0;
  for (int pp = 0; pp < 2; ++pp) {
    for (int tp = 0; tp < 2; ++tp) matrices += parameters_at(plan, {0, pp, 0, tp});
  }
  const long norms = 65L * 4096;  // on both tensor-parallel ranks
  EXPECT_EQ(matrices - norms, 8'030'261'248L);
  EXPECT_EQ(tokens_of_step(plan), 32768);
  EXPECT_NE(describe(plan, "8b").find("8.03 G (8030261248)"), std::string::npos);
}

}  // namespace
}  // namespace tutti::train
