// Tests examples/train/app/estimate.cc: what is said before a run is what a run then moves and
// allocates.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

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

constexpr Family kFamilies[] = {Family::kLlama, Family::kMamba1, Family::kMamba2, Family::kHybrid};

ModelSettings settings_of(const MeshCase& c) {
  if (c.family == Family::kLlama) return llama_of(c);
  return mamba_of(c);
}

std::vector<MeshCase> cases(Family family, const std::vector<int>& sizes) {
  using enum PipelineKind;
  std::vector<MeshCase> all;
  int n = 0;  // settings take turns
  for (const int ranks : sizes) {
    for (const Mesh& mesh : factorisations(ranks)) {
      MeshCase c{.mesh = mesh, .family = family};
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

template <class T = double>
void expect_foreseen(const MeshCase& c, const ModelSettings& settings) {
  const std::unique_ptr<Model> model = make_model(settings);
  const TrainSettings training = training_of(c);
  const RandomSamples samples(model->vocabulary());
  std::vector<StepTraffic> traffic(c.mesh.ranks());
  on_mesh(c.mesh, [&](Groups& groups) {
    Trainer<T> trainer(training, *model, groups, samples);
    trainer.step();
    traffic[groups.world.rank()] = trainer.step().traffic;
  });
  for (int rank = 0; rank < c.mesh.ranks(); ++rank) {
    SCOPED_TRACE(to_text(c) + ", rank " + std::to_string(rank));
    const Plan plan{settings, training, c.mesh, sizeof(T)};
    expect_volume(estimate_volume(plan, c.mesh.place_of(rank)), traffic[rank]);
  }
}

TEST(Estimate, EveryByteOfCommunicationIsForeseen) {
  for (const MeshCase& c : cases(Family::kLlama, {1, 2})) expect_foreseen(c, llama_of(c));
  for (const Family family : kFamilies) {
    for (const MeshCase& c : cases(family, {4})) expect_foreseen(c, settings_of(c));
  }
}

TEST(Estimate, InBf16GradientsTravelInFp32) {
  for (int zero = 0; zero < 4; ++zero) {
    const MeshCase c{.mesh = mesh_of(2, 2, 1, 1), .zero = zero, .tied = true};
    expect_foreseen<OnDevice<Bf16>>(c, llama_of(c));
  }
}

TEST(Estimate, InBf16StagesOfAMambaHandOnFp32) {
  const MeshCase c{.mesh = mesh_of(1, 4, 1, 1), .family = Family::kMamba2};
  expect_foreseen<OnDevice<Bf16>>(c, mamba_of(c));
}

TEST(Estimate, InBf16ExactWeightsTravelBeside) {
  for (int zero = 0; zero < 4; ++zero) {
    const MeshCase c{.mesh = mesh_of(4, 1, 1, 1), .zero = zero, .family = Family::kMamba1};
    expect_foreseen<OnDevice<Bf16>>(c, mamba_of(c));
  }
}

TEST(Estimate, OfScansThatShareHeadsToo) {
  for (const Mesh& mesh : {mesh_of(1, 1, 2, 1), mesh_of(1, 1, 2, 2), mesh_of(1, 1, 4, 1)}) {
    for (const Recompute recompute : {Recompute::kSelective, Recompute::kFull}) {
      const MeshCase c{.mesh = mesh, .recompute = recompute, .family = Family::kMamba2};
      MambaSettings settings = mamba_of(c);
      settings.scan = ScanKind::kHeads;
      expect_foreseen(c, settings);
    }
  }
}

// Large enough that what is counted is numbers, not the objects around them.
ModelSettings larger(const MeshCase& c) {
  ModelSettings settings = settings_of(c);
  computing(settings).sequence = c.family == Family::kLlama ? 128 : 256;
  const auto enlarge = [](auto& config) {
    config.vocabulary = 512;
    config.width = 64;
    config.layers = 4;
  };
  if (auto* llama = std::get_if<LlamaSettings>(&settings)) {
    enlarge(llama->config);
    llama->config.mlp_width = 176;
    llama->config.head_width = 16;
  } else {
    MambaConfig& config = std::get<MambaSettings>(settings).config;
    enlarge(config);
    config.states = 16;
    config.head_width = 8;
    config.chunk = 32;
    if (config.is_hybrid()) config.attention = {{1, 3}, 4, 4, 16};
  }
  return settings;
}

// Of the second step of each rank, beyond what was there before the trainer.
std::vector<double> measure_memory(const MeshCase& c, const Model& model,
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

void expect_memory(const MeshCase& c, const ModelSettings& settings) {
  SCOPED_TRACE(to_text(c));
  TrainSettings training = training_of(c);
  training.batch = 4;
  const std::vector<double> measured = measure_memory(c, *make_model(settings), training);
  for (int rank = 0; rank < c.mesh.ranks(); ++rank) {
    const Plan plan{settings, training, c.mesh, sizeof(float)};
    const double estimate = estimate_memory(plan, c.mesh.place_of(rank)).sum();
    EXPECT_NEAR(estimate / measured[rank], 1, 0.05)
        << "rank " << rank << ": " << estimate << " foreseen, " << measured[rank] << " measured";
  }
}

TEST(Estimate, MemoryIsWhatATrainerAllocates) {
  using enum PipelineKind;
  const std::vector<MeshCase> some = {
      {.mesh = mesh_of(1, 1, 1, 1), .recompute = Recompute::kNone},
      {.mesh = mesh_of(1, 1, 1, 1), .recompute = Recompute::kSelective},
      {.mesh = mesh_of(1, 1, 1, 1), .recompute = Recompute::kFull},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kOneForwardOneBackward},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kZeroBubble},
      {.mesh = mesh_of(1, 1, 2, 1)},
      {.mesh = mesh_of(1, 1, 1, 2)},
      {.mesh = mesh_of(1, 1, 1, 2), .sequence_parallel = false},
  };
  for (const Family family : kFamilies) {
    for (MeshCase c : some) {
      c.family = family;
      expect_memory(c, larger(c));
    }
  }
}

// What is the same whatever the layers.
TEST(Estimate, MemoryOfShardsPipelinesAndGatheredKeys) {
  using enum PipelineKind;
  const std::vector<MeshCase> some = {
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 0},
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 1},
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 3},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kGpipe},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = kInterleaved},
      {.mesh = mesh_of(1, 1, 2, 1), .context = ContextKind::kGather},
      {.mesh = mesh_of(2, 1, 1, 2), .zero = 2},
  };
  for (const MeshCase& c : some) expect_memory(c, larger(c));
}

// A table that is the head, too, brings no layer with it: weights of two units are there at most.
TEST(Estimate, MemoryOfShardsOfATiedTable) {
  const MeshCase c{.mesh = mesh_of(2, 1, 1, 1), .zero = 3, .tied = true};
  ModelSettings settings = larger(c);
  computing(settings).sequence = 8;
  expect_memory(c, settings);
}

TEST(Estimate, MemoryOfScansThatShareHeads) {
  for (const Mesh& mesh : {mesh_of(1, 1, 1, 1), mesh_of(1, 1, 2, 1)}) {
    for (const Recompute recompute : {Recompute::kNone, Recompute::kSelective}) {
      const MeshCase c{.mesh = mesh, .recompute = recompute, .family = Family::kMamba2};
      ModelSettings settings = larger(c);
      std::get<MambaSettings>(settings).scan = ScanKind::kHeads;
      expect_memory(c, settings);
    }
  }
}

TEST(Estimate, RecomputingAndSharingSaveWhatTheySay) {
  const auto sum = [](const MeshCase& c) {
    const ModelSettings model = larger(c);
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
  ModelSettings model = train::settings_of(llama_preset("8b"));
  computing(model).sequence = 8192;
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

// What shards of a sequence tell each other does not grow with it; all else does.
TEST(Estimate, MambasContextVolumeDoesNotGrowWithTheSequence) {
  for (const char* const name : {"mamba-130m", "mamba2-130m"}) {
    ModelSettings model = train::settings_of(mamba_preset(name));
    const TrainSettings training;
    const auto volume = [&](long sequence) {
      computing(model).sequence = sequence;
      return estimate_volume({model, training, mesh_of(1, 1, 4, 1), 4}, {});
    };
    EXPECT_GT(volume(4096).context, 0) << name;
    EXPECT_EQ(volume(4096).context, volume(65536).context) << name;
  }
}

// The count that MFU refers to, and its parts.
TEST(Estimate, FlopsAreToldWithTheirParts) {
  const auto told = [](const ModelConfig& config) {
    ModelSettings model = train::settings_of(config);
    computing(model).sequence = 4096;
    return describe({model, TrainSettings{}, {}, 4}, "it");
  };
  EXPECT_NE(told(mamba_preset("mamba2-1.3b"))
                .find("8.51 G a token: 8.05 G GEMM with weights, 458 M scans\n"),
            std::string::npos);
  EXPECT_NE(told(llama_preset("7b")).find("GEMM with weights, 3.22 G attention\n"),
            std::string::npos);
}

}  // namespace
}  // namespace tutti::train
