// Tests examples/train/mamba.cc, mamba1.cc, mamba2.cc and state_passing.cc: gradients are the
// loss's differences, and the same whatever the tensor and context dimensions.
//
// ROOMS: train

#include <gtest/gtest.h>

#include "train/mamba.h"
#include "train/outcome.h"
#include "train_ranks.h"

namespace tutti::train {
namespace {

// Shards and chunks that do not divide each other; groups that four ranks must cut.
MambaSettings mamba2() {
  MambaSettings settings;
  settings.config = {.vocabulary = 37,
                     .width = 16,
                     .layers = 2,
                     .states = 3,
                     .init_std = 0.3,
                     .step_rank = 2,
                     .head_width = 4,
                     .groups = 2,
                     .chunk = 5,
                     .norm_groups = 2};
  settings.sequences = 2;
  settings.sequence = 16;
  return settings;
}

MambaSettings mamba1() {
  MambaSettings settings = mamba2();
  settings.config.family = MambaFamily::kMamba1;
  return settings;
}

MambaSettings hybrid() {
  MambaSettings settings = mamba2();
  settings.config.attention = {.layers = {1}, .heads = 4, .kv_heads = 4, .head_width = 4};
  return settings;
}

void expect_the_same_on_every_mesh(MambaSettings settings) {
  const Outcome whole = run(Mamba(settings), {}).front();
  for (const auto& [cp, tp] : {std::pair{1, 2}, {2, 1}, {2, 2}, {4, 1}, {1, 4}}) {
    for (const bool sequence : {false, true}) {
      SCOPED_TRACE(testing::Message() << "cp " << cp << " tp " << tp << " sequence " << sequence);
      settings.sequence_parallel = sequence;
      for (const Outcome& mine : run(Mamba(settings), mesh_of(1, 1, cp, tp))) {
        expect_part(whole, mine);
      }
    }
  }
}

void expect_recomputed_to_the_bit(MambaSettings settings) {
  const Outcome kept = run(Mamba(settings), {}).front();
  for (const Recompute recompute : {Recompute::kSelective, Recompute::kFull}) {
    settings.recompute = recompute;
    EXPECT_EQ(run(Mamba(settings), {}).front().gradients, kept.gradients);
  }
}

TEST(Mamba, GradientsOfMamba1AreTheDifferencesOfTheLoss) { expect_differences(Mamba(mamba1())); }
TEST(Mamba, GradientsOfMamba2AreTheDifferencesOfTheLoss) {
  expect_differences(Mamba(mamba2()));
  MambaSettings settings = mamba2();
  settings.config.convolution_bias = false;
  settings.config.tied = false;
  expect_differences(Mamba(settings));
}
TEST(Mamba, GradientsOfAHybridAreTheDifferencesOfTheLoss) { expect_differences(Mamba(hybrid())); }

TEST(Mamba, RecomputingChangesNoBit) {
  for (const MambaSettings& settings : {mamba1(), mamba2(), hybrid()}) {
    expect_recomputed_to_the_bit(settings);
  }
}

TEST(Mamba, DimensionsChangeNothingOfMamba1) { expect_the_same_on_every_mesh(mamba1()); }
TEST(Mamba, DimensionsChangeNothingOfMamba2) {
  expect_the_same_on_every_mesh(mamba2());
  MambaSettings settings = mamba2();  // one norm over all ranks' columns
  settings.config.groups = 1;
  settings.config.norm_groups = 1;
  expect_the_same_on_every_mesh(settings);
}
TEST(Mamba, DimensionsChangeNothingOfAHybrid) {
  MambaSettings settings = hybrid();
  expect_the_same_on_every_mesh(settings);
  settings.context = ContextKind::kGather;
  expect_the_same_on_every_mesh(settings);
}

TEST(Mamba, HeadsInThePlaceOfShardsChangeNothing) {
  for (const int groups : {1, 2, 4}) {  // whole on every rank, or shared with the heads
    MambaSettings settings = mamba2();
    settings.config.groups = groups;
    settings.config.norm_groups = groups;
    settings.scan = ScanKind::kHeads;
    expect_the_same_on_every_mesh(settings);
  }
}

// What is passed on does not depend on how long sequences are.
TEST(Mamba, ContextTrafficDoesNotGrowWithTheSequence) {
  for (MambaSettings settings : {mamba1(), mamba2()}) {
    std::vector<double> bytes;
    for (const long sequence : {16, 64}) {
      settings.sequence = sequence;
      std::vector<double> mine(2);
      on_mesh(mesh_of(1, 1, 2, 1), [&](Groups& groups) {
        groups.context.take_traffic();
        run_rank(Mamba(settings), groups);
        mine[groups.world.rank()] = groups.context.take_traffic().bytes;
      });
      bytes.push_back(mine[0] + mine[1]);
    }
    EXPECT_GT(bytes[0], 0);
    EXPECT_EQ(bytes[0], bytes[1]);
  }
}

TEST(Mamba, SaysWhatDoesNotFit) {
  EXPECT_EQ(Mamba(mamba2()).objection(mesh_of(1, 1, 1, 16)),
            "heads 8: expected a multiple of tp=16");
  EXPECT_EQ(Mamba(mamba2()).objection(mesh_of(1, 1, 3, 1)),
            "sequence 16: expected a multiple of cp=3");
  EXPECT_EQ(Mamba(mamba2()).objection(mesh_of(1, 1, 8, 1)),
            "sequence 16: expected at least 24, what convolutions see on each of cp=8");
  MambaSettings odd = mamba2();
  odd.config.groups = 4;
  odd.config.norm_groups = 4;
  odd.config.width = 24;  // 12 heads
  EXPECT_EQ(Mamba(odd).objection(mesh_of(1, 1, 1, 6)),
            "norm_groups 4: expected a multiple or a divisor of tp=6");
}

}  // namespace
}  // namespace tutti::train
