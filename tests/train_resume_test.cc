// Tests examples/train/checkpoint with the trainer: a run that is resumed goes on as if it had
// never stopped, with the same bits on the same mesh, to 1e-10 on others.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <optional>

#include "scratch_folder.h"
#include "train/checkpoint/resume.h"
#include "train/checkpoint/save.h"
#include "train_mesh_cases.h"

namespace tutti::train {
namespace {

constexpr long kSaved = 2;
constexpr long kSteps = 4;

// Enough layers for any of the meshes here, whatever its schedule.
std::unique_ptr<Model> deep_model_of(const MeshCase& c) {
  if (c.family != Family::kLlama) {
    MambaSettings settings = mamba_of(c);
    settings.config.layers = 4;
    return std::make_unique<Mamba>(settings);
  }
  LlamaSettings settings = llama_of(c);
  settings.config.layers = 4;
  return std::make_unique<Llama>(settings);
}

using Losses = std::vector<double>;

// Losses of steps kSaved … kSteps-1, of a run from its beginning, saved on the way if there is a
// folder, or from a checkpoint.
template <class T = double>
Losses train(const MeshCase& c, const std::string& folder, std::optional<Checkpoint> from) {
  const std::unique_ptr<Model> model = deep_model_of(c);
  const RandomSamples samples(model->vocabulary());
  std::vector<Losses> losses(c.mesh.ranks());
  LocalDisk disk;
  on_mesh(c.mesh, [&](Groups& groups) {
    Trainer<T> trainer(training_of(c), *model, groups, samples);
    if (from) resume(*from, trainer);
    std::optional<CheckpointSaver<Host<T>>> saver;
    if (!folder.empty()) saver.emplace(groups, disk, SaveSettings{.folder = folder}, 0);
    while (trainer.steps() < kSteps) {
      const StepReport report = trainer.step();
      if (report.step >= kSaved) losses[groups.world.rank()].push_back(report.loss);
      if (saver && trainer.steps() == kSaved) {
        saver->save({.step = kSaved}, TrainerState<T>(trainer.units(), trainer.optimizer()).here());
      } else if (saver) {
        saver->poll();
      }
    }
    if (saver) saver->finish();
  });
  for (const Losses& mine : losses) EXPECT_EQ(mine, losses.front());
  return losses.front();
}

const std::vector<MeshCase>& cases() {
  static const std::vector<MeshCase> kCases = {
      {.mesh = mesh_of(1, 1, 1, 1)},
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 0},
      {.mesh = mesh_of(2, 1, 1, 1), .zero = 3},
      {.mesh = mesh_of(1, 2, 1, 1), .pipeline = PipelineKind::kInterleaved},
      {.mesh = mesh_of(1, 1, 2, 1), .zero = 2},
      {.mesh = mesh_of(1, 1, 1, 2)},
      {.mesh = mesh_of(2, 2, 1, 1), .zero = 1},
      {.mesh = mesh_of(2, 1, 1, 2), .zero = 3},
  };
  return kCases;
}

// The other mesh is the next but one, which differs in more than one way. Embeddings are tied in
// every other case.
TEST(Resume, GivesTheSameBitsOnTheSameMeshAndTheSameLossesOnAnother) {
  for (std::size_t i = 0; i < cases().size(); ++i) {
    MeshCase from = cases()[i];
    MeshCase to = cases()[(i + 2) % cases().size()];
    from.tied = to.tied = i % 2 == 1;
    SCOPED_TRACE(to_text(from) + " to " + to_text(to));
    const ScratchFolder scratch;
    const Losses whole = train(from, scratch.path(), std::nullopt);
    const Checkpoint checkpoint = open_checkpoint(scratch.path());
    EXPECT_EQ(train(from, "", checkpoint), whole);
    const Losses elsewhere = train(to, "", checkpoint);
    ASSERT_EQ(elsewhere.size(), whole.size());
    for (std::size_t n = 0; n < whole.size(); ++n) {
      EXPECT_NEAR(elsewhere[n], whole[n], 1e-10 * whole[n]);
    }
  }
}

// What is rounded and what is not comes from the same masters.
TEST(Resume, GivesTheSameBitsInBf16) {
  for (const Family family : {Family::kMamba1, Family::kMamba2}) {
    for (const int zero : {0, 1, 3}) {
      const MeshCase c{.mesh = mesh_of(2, 1, 1, 1), .zero = zero, .family = family};
      SCOPED_TRACE(to_text(c));
      const ScratchFolder scratch;
      const Losses whole = train<OnDevice<Bf16>>(c, scratch.path(), std::nullopt);
      EXPECT_EQ(train<OnDevice<Bf16>>(c, "", open_checkpoint(scratch.path())), whole);
    }
  }
}

}  // namespace
}  // namespace tutti::train
