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
  int n = 0;  // settings take turns
  for (const int ranks : {1, 2, 4}) {
    for (const Mesh& mesh : factorisations(ranks)) {
      MeshCase c{.mesh = mesh};
      c.zero = n % 4;
      c.context = n % 2 == 0 ? ContextKind::kRing : ContextKind::kGather;
      c.sequence_parallel = n % 3 != 0;
      c.recompute = static_cast<Recompute>(n % 3);
      c.tied = n % 2 == 1;
      one.expect_same(c);
      ++n;
    }
  }
}

}  // namespace
}  // namespace tutti::train
