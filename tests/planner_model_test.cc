// Tests src/planner/model.cc and model_presets.cc.
//
// ROOMS: planner
// SANITIZERS: none

#include <gtest/gtest.h>

#include "planner/layer.h"

namespace tutti::planner {
namespace {

// As counted in the files of the published models.
TEST(PlannerModel, ParametersArePublishedOnes) {
  const std::pair<const char*, long> known[] = {
      {"smollm2-135m", 134'515'008},  {"tinyllama-1.1b", 1'100'048'384},
      {"llama-30b", 32'528'943'616},  {"llama-65b", 65'285'660'672},
      {"llama2-7b", 6'738'415'616},   {"llama2-13b", 13'015'864'320},
      {"llama2-70b", 68'976'648'192}, {"llama3-1b", 1'235'814'400},
      {"llama3-3b", 3'212'749'824},   {"llama3-8b", 8'030'261'248},
      {"llama3-70b", 70'553'706'496}, {"llama3-405b", 405'853'388'800},
      {"mamba-130m", 129'135'360},    {"mamba-370m", 371'516'416},
      {"mamba-790m", 793'204'224},    {"mamba-1.4b", 1'372'178'432},
      {"mamba-2.8b", 2'768'345'600},  {"mamba2-2.7b", 2'702'599'680},
  };
  for (const auto& [name, count] : known) EXPECT_EQ(parameters(*model_preset(name)), count) << name;
}

// As the playbook names them, in thousand millions; it does not count norms.
TEST(PlannerModel, NanotronsModelsAreThoseOfThePlaybook) {
  EXPECT_NEAR(static_cast<double>(parameters(*model_preset("nanotron-1b"))), 1.342e9, 1e6);
  EXPECT_NEAR(static_cast<double>(parameters(*model_preset("nanotron-3b"))), 3.574e9, 1e6);
  EXPECT_NEAR(static_cast<double>(parameters(*model_preset("nanotron-8b"))), 8.858e9, 1e6);
  EXPECT_NEAR(static_cast<double>(parameters(*model_preset("nanotron-80b"))), 79.994e9, 2e6);
}

TEST(PlannerModel, PresetsAreFoundByName) {
  for (const std::string& name : model_presets()) EXPECT_EQ(model_preset(name)->name, name);
  const auto unknown = model_preset("gpt-5");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.status().message().find("model \"gpt-5\" is not known"), std::string::npos);
  EXPECT_NE(unknown.status().message().find("llama3-8b"), std::string::npos);
}

TEST(PlannerModel, HybridsHaveTheirAttentionWhereItIs) {
  const ModelShape model = *model_preset("mamba2attn-2.7b");
  EXPECT_EQ(model.layers(), 64);
  int layer = 0;
  std::vector<int> attention;
  for (const LayerRun& run : model.runs) {
    if (run.mixer == Mixer::kAttention) attention.push_back(layer);
    layer += run.layers;
  }
  EXPECT_EQ(attention, (std::vector<int>{9, 18, 27, 36, 45, 56}));
}

// 6 for each weight that is multiplied, and 6 (12) layers x width x sequence for pairs of tokens.
TEST(PlannerModel, FlopsOfATokenByHand) {
  const ModelShape model = *model_preset("llama2-7b");
  const double weights = 32.0 * (4 * 4096.0 * 4096 + 3 * 4096.0 * 11008) + 32000.0 * 4096;
  const TokenFlops flops = flops_per_token(model, 2048);
  EXPECT_DOUBLE_EQ(flops.causal, 6 * weights + 6 * 32.0 * 4096 * 2048);
  EXPECT_DOUBLE_EQ(flops.full, 6 * weights + 12 * 32.0 * 4096 * 2048);
}

// Megatron-LM: 2 T h (2 d_in + 2 G N + H) + 7 T d_in N + 2 T d_in h forward; three times for both.
TEST(PlannerModel, FlopsOfMamba2AreThoseOfMegatron) {
  const ModelShape model = *model_preset("mamba2-2.7b");
  const double layer =
      2 * 2560.0 * (2 * 5120 + 2 * 128 + 80) + 7 * 5120.0 * 128 + 2 * 5120.0 * 2560;
  EXPECT_DOUBLE_EQ(flops_per_token(model, 4096).causal, 3 * (64 * layer + 2 * 50288.0 * 2560));
}

// What ranks have together is the layer, and what all of them keep.
TEST(PlannerModel, TensorParallelRanksHaveAllOfALayer) {
  for (const char* const name : {"llama3-8b", "mamba-2.8b"}) {
    const ModelShape model = *model_preset(name);
    const LayerRun& run = model.runs[0];
    const double shared = run.mixer == Mixer::kAttention ? 2 * model.width : model.width;
    const double whole = layer_parameters(model, run, 1);
    EXPECT_DOUBLE_EQ(4 * layer_parameters(model, run, 4), whole + 3 * shared) << name;
  }
}

}  // namespace
}  // namespace tutti::planner
