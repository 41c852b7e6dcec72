// Tests examples/train/llama.cc: gradients are the loss's differences, and the same whatever the
// tensor and context dimensions.
//
// ROOMS: train

#include <gtest/gtest.h>

#include "train/llama.h"
#include "train/outcome.h"

namespace tutti::train {
namespace {

LlamaSettings small() {
  LlamaSettings settings;
  settings.config = {.vocabulary = 37,
                     .width = 16,
                     .mlp_width = 24,
                     .layers = 2,
                     .heads = 4,
                     .kv_heads = 2,
                     .head_width = 4,
                     .init_std = 0.3};
  settings.sequences = 2;
  settings.sequence = 16;
  return settings;
}

std::vector<Outcome> run(const LlamaSettings& settings, const Mesh& mesh) {
  return run(Llama(settings), mesh);
}

TEST(Llama, GradientsAreTheDifferencesOfTheLoss) {
  expect_differences(Llama(small()));
  LlamaSettings tied = small();
  tied.config.tied = true;
  expect_differences(Llama(tied));
}

TEST(Llama, RecomputingChangesNoBit) {
  const Outcome kept = run(small(), {}).front();
  for (const Recompute recompute : {Recompute::kSelective, Recompute::kFull}) {
    LlamaSettings settings = small();
    settings.recompute = recompute;
    EXPECT_EQ(run(settings, {}).front().gradients, kept.gradients);
  }
}

TEST(Llama, TensorAndContextDimensionsChangeNothing) {
  for (const bool tied : {false, true}) {
    LlamaSettings settings = small();
    settings.config.tied = tied;
    const Outcome whole = run(settings, {}).front();
    for (const auto& [cp, tp] : {std::pair{1, 2}, {2, 1}, {2, 2}, {4, 1}}) {
      for (const bool sequence : {false, true}) {
        for (const ContextKind kind : {ContextKind::kRing, ContextKind::kGather}) {
          SCOPED_TRACE(testing::Message() << "cp " << cp << " tp " << tp << " sequence " << sequence
                                          << " ring " << (kind == ContextKind::kRing));
          settings.sequence_parallel = sequence;
          settings.context = kind;
          Mesh mesh;
          mesh.sizes = {1, 1, cp, tp};
          for (const Outcome& mine : run(settings, mesh)) expect_part(whole, mine);
        }
      }
    }
  }
}

}  // namespace
}  // namespace tutti::train
