// Tests examples/train/mamba.cc under trainer.cc: losses and gradient norms of Mamba-1, Mamba-2 and
// a hybrid are those of one rank, whatever the mesh, to 1e-10 in double. A sample of the cases;
// train_mesh_equal_all_test.cc has all.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include "train_mesh_cases.h"

namespace tutti::train {
namespace {

constexpr Family kFamilies[] = {Family::kMamba1, Family::kMamba2, Family::kHybrid};

TEST(MambaEqual, EveryFactorisationOfUpToFourRanks) {
  OneRank one;
  int n = 0;
  for (const int ranks : {1, 2, 4}) {
    for (const Mesh& mesh : factorisations(ranks)) {
      one.expect_same(turn({.mesh = mesh, .family = kFamilies[n % 3]}, n));
      ++n;
    }
  }
}

TEST(MambaEqual, WeightsThatComeLater) {
  OneRank one;
  for (const Family family : kFamilies) {
    MeshCase c{.mesh = mesh_of(1, 2, 2, 1), .pipeline = PipelineKind::kZeroBubble};
    c.family = family;
    c.tied = true;
    one.expect_same(c);
  }
}

TEST(MambaEqual, EightRanks) {
  OneRank one;
  one.expect_same({.mesh = mesh_of(1, 1, 2, 4), .zero = 3, .family = Family::kMamba2});
  one.expect_same({.mesh = mesh_of(1, 1, 8, 1), .zero = 2, .family = Family::kMamba1});
  one.expect_same({.mesh = mesh_of(1, 2, 2, 2), .zero = 1, .family = Family::kHybrid});
}

// What would go unseen above: that the numbers depend on the model and its training at all.
TEST(MambaEqual, CoursesDiffer) {
  std::vector<Course> courses;
  for (const Family family : kFamilies) {
    courses.push_back(run_case({.mesh = {}, .family = family}));
    EXPECT_LT(courses.back().losses.back(), 0.99 * courses.back().losses.front());
    EXPECT_GT(courses.back().unseen, 1.0);
  }
  EXPECT_NE(courses[0], courses[1]);
  EXPECT_NE(courses[1], courses[2]);
}

}  // namespace
}  // namespace tutti::train
