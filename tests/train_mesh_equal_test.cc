// Tests examples/train/trainer.cc and everything below it: losses and gradient norms of a LLaMA are
// those of one rank, whatever the mesh, to 1e-10 in double. A sample of the cases;
// train_mesh_equal_all_test.cc has all.
//
// ROOMS: train
// TIER: fast

#include <gtest/gtest.h>

#include "train_mesh_cases.h"

namespace tutti::train {
namespace {

TEST(MeshEqual, EveryFactorisationOfUpToFourRanks) {
  OneRank one;
  int n = 0;
  for (const int ranks : {1, 2, 4}) {
    for (const Mesh& mesh : factorisations(ranks)) one.expect_same(turn({.mesh = mesh}, n++));
  }
}

TEST(MeshEqual, EveryScheduleWithEveryStageOfZero) {
  OneRank one;
  int zero = 0;
  for (const PipelineKind kind : kPipelines) {
    MeshCase c{.mesh = mesh_of(2, 2, 1, 1), .pipeline = kind};
    c.zero = zero++;
    c.tied = true;
    one.expect_same(c);
  }
}

TEST(MeshEqual, EightRanks) {
  OneRank one;
  one.expect_same({.mesh = mesh_of(1, 2, 2, 2), .zero = 3});
  one.expect_same({.mesh = mesh_of(2, 2, 2, 1), .pipeline = PipelineKind::kZeroBubble, .zero = 2});
}

TEST(MeshEqual, TheOrderOfRanksDoesNotMatter) {
  OneRank one;
  for (const char* order : {"tp,cp,pp,dp", "pp,tp,dp,cp"}) {
    one.expect_same({.mesh = *with_order(mesh_of(2, 2, 2, 1), order), .zero = 2, .tied = true});
    one.expect_same({.mesh = *with_order(mesh_of(2, 1, 2, 2), order), .zero = 3});
  }
}

TEST(MeshEqual, AgainIsTheSameToTheLastBit) {
  const MeshCase c{.mesh = mesh_of(2, 2, 1, 2), .pipeline = PipelineKind::kInterleaved};
  EXPECT_EQ(run_case(c), run_case(c));
}

// What would go unseen above: that the numbers depend on the model and its training at all.
TEST(MeshEqual, CoursesDiffer) {
  const Course course = run_case({});
  EXPECT_LT(course.losses.back(), 0.99 * course.losses.front());
  EXPECT_GT(course.norms.front(), 1.0);  // so that gradients are clipped
  MeshCase tied;
  tied.tied = true;
  EXPECT_NE(run_case(tied), course);
  EXPECT_GT(course.unseen, 1.0);
}

}  // namespace
}  // namespace tutti::train
