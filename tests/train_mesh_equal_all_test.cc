// Tests examples/train/trainer.cc: every factorisation of one, two, four and eight ranks, with
// every schedule, both kinds of context parallelism, every stage of ZeRO, with and without sequence
// parallelism, is the run of one rank. Recomputation and tied embeddings, which no mesh makes
// otherwise, take turns.
//
// ROOMS: train
// TIER: exhaustive
// TIMEOUT: 1200
// SANITIZERS: none

#include <gtest/gtest.h>

#include "train_mesh_cases.h"

namespace tutti::train {
namespace {

// What a mesh can be run with; settings that would make no difference are left out.
std::vector<MeshCase> cases_of(const Mesh& mesh, Family family) {
  const bool attends = family == Family::kLlama || family == Family::kHybrid;
  std::vector<MeshCase> cases;
  for (const PipelineKind pipeline : kPipelines) {
    const bool needs_stages = pipeline == PipelineKind::kGpipe ||  // else 1f1b
                              pipeline == PipelineKind::kInterleaved;
    if (mesh.pp() == 1 && needs_stages) continue;
    for (const ContextKind context : {ContextKind::kRing, ContextKind::kGather}) {
      if ((mesh.cp() == 1 || !attends) && context == ContextKind::kGather) continue;
      for (int zero = 0; zero < 4; ++zero) {
        if (mesh.dp() * mesh.cp() == 1 && zero > 0) continue;
        for (const bool sequence : {false, true}) {
          if (mesh.tp() == 1 && sequence) continue;
          cases.push_back({mesh, pipeline, context, zero, sequence});
        }
      }
    }
  }
  return cases;
}

void expect_all(Family family) {
  OneRank one;
  int n = 0;
  for (const int ranks : {1, 2, 4, 8}) {
    for (const Mesh& mesh : factorisations(ranks)) {
      for (MeshCase c : cases_of(mesh, family)) {
        const MeshCase turned = turn({}, n++);
        c.recompute = turned.recompute;
        c.tied = turned.tied;
        c.family = family;
        one.expect_same(c);
      }
    }
  }
  testing::Test::RecordProperty("cases", n);
}

TEST(MeshEqualAll, Llama) { expect_all(Family::kLlama); }
TEST(MeshEqualAll, Mamba1) { expect_all(Family::kMamba1); }
TEST(MeshEqualAll, Mamba2) { expect_all(Family::kMamba2); }
TEST(MeshEqualAll, Hybrid) { expect_all(Family::kHybrid); }

}  // namespace
}  // namespace tutti::train
