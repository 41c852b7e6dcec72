// Tests examples/train/app/auto_mesh.cc: a layout that can be run, and the planner's.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include "train/app/auto_mesh.h"
#include "train/app/setup.h"

namespace tutti::train {
namespace {

planner::MachineShape machine(int ranks) {
  planner::MachineShape machine = must(planner::machine_preset("cpu"));
  machine.devices = ranks;
  return machine;
}

RunConfig config_of(ModelFamily family) {
  RunConfig config = defaults_of(family);
  config.mesh = "auto";
  config.batch = 8;
  config.sequence = 128;
  return config;
}

TEST(AutoMesh, CanBeRunAsItStands) {
  for (const ModelFamily family : {ModelFamily::kLlama, ModelFamily::kMamba}) {
    for (const int ranks : {1, 2, 4, 8}) {
      const RunConfig decided = with_best_layout(config_of(family), machine(ranks));
      EXPECT_EQ(make_setup(decided, ranks).mesh.ranks(), ranks) << decided.mesh;
    }
  }
}

// One sequence cannot be shared by data-parallel ranks.
TEST(AutoMesh, DependsOnTheJobAndTheMachine) {
  RunConfig config = config_of(ModelFamily::kLlama);
  EXPECT_NE(with_best_layout(config, machine(4)).mesh.find("dp=4"), std::string::npos);
  config.batch = 1;
  EXPECT_NE(with_best_layout(config, machine(4)).mesh.find("dp=1"), std::string::npos);
}

// Messages of a pipeline, rather than gradients.
TEST(AutoMesh, PutsFarApartWhatSaysLeast) {
  planner::MachineShape two_hosts = machine(4);
  two_hosts.nodes = 2;
  two_hosts.between.bandwidth = 1e7;
  RunConfig config = config_of(ModelFamily::kLlama);
  config.sequence = 16;
  const RunConfig decided = with_best_layout(config, two_hosts);
  EXPECT_EQ(decided.order, "pp,dp,cp,tp") << decided.mesh;
  EXPECT_EQ(order_text(make_setup(decided, 8).mesh), decided.order);
}

TEST(AutoMesh, SaysThatNothingFits) {
  planner::MachineShape small = machine(2);
  small.memory = 1 << 20;
  try {
    with_best_layout(config_of(ModelFamily::kLlama), small);
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("mesh auto: no layout of 2 ranks fits in memory"),
              std::string::npos)
        << failure.what();
  }
}

}  // namespace
}  // namespace tutti::train
