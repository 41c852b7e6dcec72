// Tests src/planner/model_json.cc.
//
// ROOMS: planner

#include <gtest/gtest.h>

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

constexpr char kLlama[] = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama",
  "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
  "tie_word_embeddings": false})";

// state-spaces/mamba2attn-2.7b.
constexpr char kHybrid[] = R"({"d_model": 2560, "d_intermediate": 0, "n_layer": 64,
  "vocab_size": 50277, "ssm_cfg": {"layer": "Mamba2"},
  "attn_layer_idx": [9, 18, 27, 36, 45, 56],
  "attn_cfg": {"causal": true, "d_conv": 4, "head_dim": 128, "num_heads": 30,
               "out_proj_bias": false, "qkv_proj_bias": false, "rotary_emb_dim": 64},
  "rms_norm": true, "residual_in_fp32": true, "fused_add_norm": true,
  "pad_vocab_size_multiple": 16, "tie_embeddings": true})";

// The same shape under the name of a preset.
ModelShape named(ModelShape model, const std::string& name) {
  model.name = name;
  return model;
}

// `field` of the text replaced, or removed where `value` is empty.
std::string with(std::string text, const std::string& field, const std::string& value) {
  const std::size_t at = text.find("\"" + field + "\"");
  std::size_t end = text.find_first_of(",}", text.find(':', at));
  if (text[text.find_first_not_of(' ', text.find(':', at) + 1)] == '[')
    end = text.find(']', at) + 1;
  const std::string now = value.empty() ? "\"unused\": 0" : "\"" + field + "\": " + value;
  return text.replace(at, end - at, now);
}

std::string refusal(const std::string& text) {
  const auto model = parse_model(text, "config.json");
  return model.ok() ? "accepted" : model.status().message();
}

TEST(PlannerModelJson, ReadsLlamas) {
  EXPECT_EQ(named(*parse_model(kLlama, "f"), ""), named(*model_preset("llama3-8b"), ""));
  for (const char* const other : {"MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}) {
    const std::string text = with(kLlama, "architectures", std::string("[\"") + other + "\"]");
    EXPECT_EQ(refusal(text), "accepted") << other;
  }
}

TEST(PlannerModelJson, ReadsMambas) {
  const auto mamba = parse_model(R"({"architectures": ["MambaForCausalLM"], "hidden_size": 2560,
    "num_hidden_layers": 64, "vocab_size": 50280, "intermediate_size": 5120, "state_size": 16,
    "conv_kernel": 4, "time_step_rank": 160})",
                                 "f");
  EXPECT_EQ(named(*mamba, ""), named(*model_preset("mamba-2.8b"), ""));
  const auto mamba2 = parse_model(R"({"model_type": "mamba2", "hidden_size": 2560, "n_groups": 1,
    "num_hidden_layers": 64, "vocab_size": 50288, "num_heads": 80, "head_dim": 64,
    "tie_word_embeddings": true})",
                                  "f");
  EXPECT_EQ(named(*mamba2, ""), named(*model_preset("mamba2-2.7b"), ""));
}

TEST(PlannerModelJson, ReadsHybrids) {
  EXPECT_EQ(named(*parse_model(kHybrid, "f"), ""), named(*model_preset("mamba2attn-2.7b"), ""));
}

TEST(PlannerModelJson, LayersOfMambaSsmMayHaveMlps) {
  const auto model = parse_model(with(kHybrid, "d_intermediate", "4096"), "f");
  for (const LayerRun& run : model->runs) EXPECT_EQ(run.mlp_width, 4096);
}

TEST(PlannerModelJson, RefusesWhatItDoesNotKnowByFieldAndValue) {
  EXPECT_EQ(refusal("[]"), "config.json: expected a JSON object");
  EXPECT_EQ(refusal("{"), "config.json: expected a JSON object");
  EXPECT_EQ(refusal("{}").find("config.json: model_type is missing; expected LlamaForCausalLM"),
            0u);
  EXPECT_EQ(refusal(with(kLlama, "architectures", "[\"GPT2LMHeadModel\"]"))
                .find("config.json: architectures is [\"GPT2LMHeadModel\"]; expected Llama"),
            0u);
  EXPECT_EQ(refusal(R"({"architectures": ["MixtralForCausalLM"], "num_local_experts": 8})"),
            "config.json: num_local_experts is 8; expected a model without experts");
  EXPECT_EQ(refusal(with(kLlama, "hidden_size", "")),
            "config.json: hidden_size is missing; expected a whole number from 1 to 1073741824");
  EXPECT_EQ(refusal(with(kLlama, "vocab_size", "-3")),
            "config.json: vocab_size is -3; expected a whole number from 1 to 1073741824");
  EXPECT_EQ(refusal(with(kLlama, "num_key_value_heads", "5")),
            "config.json: num_key_value_heads is 5; expected a divisor of num_attention_heads, 32");
  EXPECT_EQ(refusal(with(kLlama, "num_attention_heads", "48")),
            "config.json: num_attention_heads is 48; expected a divisor of hidden_size, 4096, or a "
            "head_dim");
  EXPECT_EQ(refusal(with(kHybrid, "attn_layer_idx", "[9, 64]")),
            "config.json: attn_layer_idx is [9,64]; expected a list of layers, 0 to 63");
  EXPECT_EQ(refusal(with(kHybrid, "layer", "\"Mamba3\"")),
            "config.json: ssm_cfg: layer is \"Mamba3\"; expected \"Mamba1\" or \"Mamba2\"");
}

}  // namespace
}  // namespace tutti::planner
