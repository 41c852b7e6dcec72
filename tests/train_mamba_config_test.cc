// Tests examples/train/mamba_config: config.json of Hugging Face's Mambas and of mamba_ssm, and
// what follows from the numbers.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include "expect_failure.h"
#include "train/mamba_config.h"

namespace tutti::train {
namespace {

MambaConfig read(const std::string& json) { return parse_mamba_config(json, "config.json"); }

// The fields that every file has, and more.
std::string mamba1_with(const std::string& more) {
  return R"({"model_type": "mamba", "vocab_size": 50280, "hidden_size": 768,
    "num_hidden_layers": 24)" +
         more + "}";
}
std::string mamba2_with(const std::string& more) {
  return R"({"model_type": "mamba2", "vocab_size": 32768, "hidden_size": 4096,
    "num_hidden_layers": 64)" +
         more + "}";
}
std::string layers_with(const std::string& more) {
  return R"({"d_model": 256, "n_layer": 4, "vocab_size": 256, "ssm_cfg": {"layer": "Mamba2")" +
         more + "}}";
}
std::string hybrid_with(const std::string& more) {
  return R"({"d_model": 256, "n_layer": 4, "vocab_size": 256, "ssm_cfg": {"layer": "Mamba2"},
    "attn_layer_idx": [2], "attn_cfg": {"num_heads": 4, "causal": true, "qkv_proj_bias": false,
    "out_proj_bias": false)" +
         more + "}}";
}
std::string refusal(const std::string& json) {
  return failure_of([&] { read(json); });
}

// ---- Hugging Face's

TEST(MambaConfigFile, OfMamba130m) {
  const MambaConfig config = read(R"({"architectures": ["MambaForCausalLM"], "bos_token_id": 0,
    "conv_kernel": 4, "d_inner": 1536, "d_model": 768, "eos_token_id": 0, "expand": 2,
    "fused_add_norm": true, "hidden_act": "silu", "hidden_size": 768, "initializer_range": 0.1,
    "intermediate_size": 1536, "layer_norm_epsilon": 1e-05, "model_type": "mamba", "n_layer": 24,
    "num_hidden_layers": 24, "pad_token_id": 0, "pad_vocab_size_multiple": 8,
    "rescale_prenorm_residual": false, "residual_in_fp32": true, "rms_norm": true, "ssm_cfg": {},
    "state_size": 16, "time_step_floor": 0.0001, "time_step_init_scheme": "random",
    "time_step_max": 0.1, "time_step_min": 0.001, "time_step_rank": 48, "time_step_scale": 1.0,
    "torch_dtype": "float32", "transformers_version": "4.39.0.dev0", "use_bias": false,
    "use_cache": true, "use_conv_bias": true, "vocab_size": 50280})");
  MambaConfig expected = mamba_preset("mamba-130m");
  expected.init_std = 0.1;
  expected.begin_tokens = {0};
  expected.end_tokens = {0};
  EXPECT_EQ(config, expected);
}

// Infinity as Python writes it.
TEST(MambaConfigFile, OfMamba2) {
  const MambaConfig config = read(R"({"architectures": ["Mamba2ForCausalLM"], "bos_token_id": 0,
    "chunk_size": 256, "conv_kernel": 4, "eos_token_id": 0, "expand": 2, "head_dim": 64,
    "hidden_act": "silu", "hidden_size": 768, "initializer_range": 0.1, "layer_norm_epsilon": 1e-05,
    "model_type": "mamba2", "n_groups": 1, "num_heads": 24, "num_hidden_layers": 24,
    "pad_token_id": 0, "residual_in_fp32": true, "rms_norm": true, "state_size": 128,
    "tie_word_embeddings": true, "time_step_floor": 0.0001, "time_step_limit": [0.0, Infinity],
    "time_step_max": 0.1, "time_step_min": 0.001, "time_step_rank": 48, "use_bias": false,
    "use_conv_bias": true, "vocab_size": 50288})");
  MambaConfig expected = mamba_preset("mamba2-130m");
  expected.init_std = 0.1;
  expected.begin_tokens = {0};
  expected.end_tokens = {0};
  EXPECT_EQ(config, expected);
}

TEST(MambaConfigFile, WhatIsLeftOutIsAsInTransformers) {
  const MambaConfig first = read(mamba1_with(""));
  EXPECT_EQ(first.states, 16);
  EXPECT_EQ(first.step_rank, 48);
  EXPECT_TRUE(first.tied);
  const MambaConfig second = read(mamba2_with(""));
  EXPECT_EQ(second.states, 128);
  EXPECT_EQ(second.heads(), 128);
  EXPECT_EQ(second.groups, 8);
  EXPECT_EQ(second.norm_groups, 1);  // whatever the groups of B and C
  EXPECT_FALSE(second.tied);
}

TEST(MambaConfigFile, TimeStepsHaveLimits) {
  const auto limits = [](const std::string& text) {
    const MambaConfig config = read(mamba2_with(R"(, "time_step_limit": )" + text));
    return std::pair(config.steps.lowest, config.steps.highest);
  };
  EXPECT_EQ(limits("[0.01, 0.5]"), std::pair(0.01, 0.5));
  const auto open = std::pair(0.0, std::numeric_limits<double>::infinity());
  EXPECT_EQ(limits("[0.0, Infinity]"), open);
  EXPECT_EQ(limits(R"([0.0, {"__float__": "Infinity"}])"), open);
}

// ---- mamba_ssm's

TEST(MambaConfigFile, OfMambaSsm) {
  EXPECT_EQ(read(R"({"d_model": 768, "n_layer": 24, "vocab_size": 50277, "ssm_cfg": {},
                     "rms_norm": true, "residual_in_fp32": true, "fused_add_norm": true,
                     "pad_vocab_size_multiple": 8})"),
            mamba_preset("mamba-130m"));
  EXPECT_EQ(read(R"({"d_model": 2560, "d_intermediate": 0, "n_layer": 64, "vocab_size": 50277,
                     "ssm_cfg": {"layer": "Mamba2"}, "attn_layer_idx": [], "attn_cfg": {},
                     "rms_norm": true, "residual_in_fp32": true, "fused_add_norm": true,
                     "pad_vocab_size_multiple": 16, "tie_embeddings": true})"),
            mamba_preset("mamba2-2.7b"));
}

TEST(MambaConfigFile, OfAHybrid) {
  const MambaConfig config = read(R"({"d_model": 256, "n_layer": 4, "vocab_size": 256,
    "ssm_cfg": {"layer": "Mamba2", "d_state": 64}, "attn_layer_idx": [2],
    "attn_cfg": {"causal": true, "d_conv": 0, "head_dim": 64, "num_heads": 4, "num_heads_kv": 2,
                 "out_proj_bias": false, "qkv_proj_bias": false, "rotary_emb_dim": 64}})");
  EXPECT_EQ(config, mamba_preset("hybrid-tiny"));
  EXPECT_TRUE(config.is_hybrid());
  EXPECT_TRUE(config.is_attention(2));
  EXPECT_FALSE(config.is_attention(1));
  const MambaConfig plain = read(hybrid_with(""));
  EXPECT_EQ(plain.attention.kv_heads, 4);
  EXPECT_EQ(plain.attention.head_width, 64);
  EXPECT_FALSE(plain.attention.rotary);
}

TEST(MambaConfigFile, NormsOfMambaSsmAreGrouped) {
  EXPECT_EQ(read(layers_with(R"(, "ngroups": 4)")).norm_groups, 4);
}

// ---- Written

TEST(MambaConfigFile, IsReadAsItWasWritten) {
  for (const std::string_view name : mamba_presets()) {
    MambaConfig config = mamba_preset(name);
    EXPECT_EQ(read(to_json(config, "float32")), config) << name;
    config.expand = 4;
    config.states = 32;
    config.taps = 3;
    config.convolution_bias = false;
    config.tied = false;
    config.steps = {0.002, 0.2, 0.001};
    if (config.is_mamba1()) {
      config.step_rank = 7;
    } else {
      config.head_width = 32;
      config.chunk = 16;
      config.groups = config.norm_groups = 2;
      config.steps.lowest = 0.01;
    }
    EXPECT_EQ(read(to_json(config, "float32")), config) << name;
  }
  MambaConfig config = mamba_preset("mamba2-tiny");
  config.groups = 2;
  config.norm_epsilon = 1e-6;
  config.init_std = 0.1;
  config.end_tokens = {5, 6};
  config.steps.highest = 0.5;
  EXPECT_EQ(read(to_json(config, "bfloat16")), config);
}

// What mamba_ssm alone computes is in its form.
TEST(MambaConfigFile, IsOfWhoeverComputesTheSame) {
  const auto kind = [](const MambaConfig& config) {
    const std::string json = to_json(config, "float32");
    for (const char* const sign : {"MambaForCausalLM", "Mamba2ForCausalLM", "ssm_cfg"}) {
      if (json.find(sign) != std::string::npos) return std::string(sign);
    }
    return json;
  };
  EXPECT_EQ(kind(mamba_preset("mamba-tiny")), "MambaForCausalLM");
  EXPECT_EQ(kind(mamba_preset("mamba2-tiny")), "Mamba2ForCausalLM");
  EXPECT_EQ(kind(mamba_preset("hybrid-tiny")), "ssm_cfg");
  MambaConfig config = mamba_preset("mamba2-tiny");
  config.groups = 4;
  EXPECT_EQ(kind(config), "Mamba2ForCausalLM");
  config.norm_groups = 4;
  EXPECT_EQ(kind(config), "ssm_cfg");
  config.norm_groups = 2;
  EXPECT_EQ(failure_of([&] { to_json(config, "float32"); }),
            "config.json: norm_groups is 2; expected as many as groups, 4: mamba_ssm has no "
            "others");
  config = mamba_preset("hybrid-tiny");
  config.norm_epsilon = 0.5;
  EXPECT_EQ(failure_of([&] { to_json(config, "float32"); }),
            "config.json: mamba_ssm has no field for the norms' epsilon, which is 0.5; expected "
            "1e-5");
}

// ---- Refused

TEST(MambaConfigFile, OtherModelsAreRefused) {
  EXPECT_EQ(refusal(R"({"model_type": "llama"})"),
            "config.json: model_type is \"llama\"; expected \"mamba\" or \"mamba2\"");
  EXPECT_EQ(refusal("{}"),
            "config.json: model_type is missing; expected \"mamba\" or \"mamba2\", or d_model and "
            "the other fields of mamba_ssm");
  EXPECT_EQ(refusal(mamba2_with(R"(, "architectures": ["MambaForCausalLM"])")),
            "config.json: architectures is [\"MambaForCausalLM\"]; expected "
            "[\"Mamba2ForCausalLM\"]");
  EXPECT_EQ(refusal(mamba1_with(R"(, "architectures": ["FalconMambaForCausalLM"])")),
            "config.json: architectures is [\"FalconMambaForCausalLM\"]; expected "
            "[\"MambaForCausalLM\"]");
}

TEST(MambaConfigFile, WhatIsNotComputedIsRefused) {
  const auto one = [](const std::string& field) { return refusal(mamba1_with(", " + field)); };
  EXPECT_EQ(one(R"("use_bias": true)"), "config.json: use_bias is true; expected false");
  EXPECT_EQ(one(R"("hidden_act": "gelu")"),
            "config.json: hidden_act is \"gelu\"; expected \"silu\"");
  EXPECT_EQ(one(R"("intermediate_size": 2048)"),
            "config.json: intermediate_size is 2048; expected 1536");
  EXPECT_EQ(one(R"("time_step_init_scheme": "constant")"),
            "config.json: time_step_init_scheme is \"constant\"; expected \"random\"");
  EXPECT_EQ(one(R"("quantization_config": {})"),
            "config.json: quantization_config is {}; expected weights that are not quantized");
  EXPECT_EQ(refusal(mamba2_with(R"(, "rms_norm": false)")),
            "config.json: rms_norm is false; expected true");
  EXPECT_EQ(refusal(layers_with(R"(, "norm_before_gate": true)")),
            "config.json: ssm_cfg: norm_before_gate is true; expected false");
  EXPECT_EQ(refusal(layers_with(R"(, "d_ssm": 128)")),
            "config.json: ssm_cfg: d_ssm is 128; expected 512");
  EXPECT_EQ(refusal(R"({"d_model": 8, "n_layer": 1, "vocab_size": 8,
                        "ssm_cfg": {"layer": "Mamba3"}})"),
            "config.json: ssm_cfg: layer is \"Mamba3\"; expected \"Mamba1\" or \"Mamba2\"");
  EXPECT_EQ(refusal(R"({"d_model": 8, "n_layer": 1, "vocab_size": 8, "d_intermediate": 16})"),
            "config.json: d_intermediate is 16; expected 0");
  EXPECT_TRUE(refusal(layers_with(R"(, "dt_rank": 3)"))
                  .starts_with("config.json: ssm_cfg: dt_rank is 3; expected only layer, "));
}

// The attention of the published mamba2attn-2.7b is not computed here: a convolution comes before.
TEST(MambaConfigFile, OtherAttentionIsRefused) {
  const auto one = [](const std::string& field) { return refusal(hybrid_with(", " + field)); };
  EXPECT_EQ(one(R"("d_conv": 4)"), "config.json: attn_cfg: d_conv is 4; expected 0");
  EXPECT_EQ(one(R"("causal": false)"), "config.json: attn_cfg: causal is false; expected true");
  EXPECT_EQ(one(R"("qkv_proj_bias": true)"),
            "config.json: attn_cfg: qkv_proj_bias is true; expected false");
  EXPECT_EQ(one(R"("num_heads_kv": 3)"),
            "config.json: attn_cfg: num_heads_kv is 3; expected a divisor of num_heads, 4");
  EXPECT_EQ(one(R"("rotary_emb_dim": 32)"),
            "config.json: attn_cfg: rotary_emb_dim is 32; expected 0, or head_dim where that is "
            "even");
  EXPECT_TRUE(
      one(R"("window": 9)").starts_with("config.json: attn_cfg: window is 9; expected only"));
  const std::string start = R"({"d_model": 8, "n_layer": 2, "vocab_size": 8, "attn_layer_idx": )";
  EXPECT_EQ(refusal(start + "[2]}"),
            "config.json: attn_layer_idx is [2]; expected each layer once, from 0 to 1");
  EXPECT_EQ(refusal(start + "[0, 0]}"),
            "config.json: attn_layer_idx is [0,0]; expected each layer once, from 0 to 1");
  EXPECT_EQ(refusal(start + "[0]}"),
            "config.json: attn_cfg is missing; expected the attention of attn_layer_idx");
  EXPECT_EQ(refusal(start + R"([0], "attn_cfg": {"causal": true, "out_proj_bias": false}})"),
            "config.json: attn_cfg: qkv_proj_bias is missing; expected false");
}

TEST(MambaConfigFile, BadNumbersAreRefused) {
  EXPECT_EQ(refusal(R"({"model_type": "mamba"})"),
            "config.json: vocab_size is missing; expected a whole number above 0");
  EXPECT_EQ(refusal(mamba1_with(R"(, "time_step_rank": "half")")),
            "config.json: time_step_rank is \"half\"; expected a whole number above 0");
  EXPECT_EQ(refusal(mamba1_with(R"(, "time_step_max": 1e-5)")),
            "config.json: time_step_max is 1e-05; expected time_step_min or more");
  EXPECT_EQ(refusal(mamba2_with(R"(, "head_dim": 100)")),
            "config.json: head_dim is 100; expected a divisor of the inner width, 8192");
  EXPECT_EQ(refusal(mamba2_with(R"(, "n_groups": 3)")),
            "config.json: n_groups is 3; expected a divisor of the heads, 128");
  EXPECT_EQ(refusal(mamba2_with(R"(, "num_heads": 64)")),
            "config.json: num_heads is 64; expected 128, expand hidden_size / head_dim");
  for (const char* const limit : {"[1.0, 0.5]", "[1.0]", "[Infinity, 1]", "3", "[-1.0, 1.0]"}) {
    EXPECT_NE(refusal(mamba2_with(R"(, "time_step_limit": )" + std::string(limit)))
                  .find("; expected two numbers in order, from 0 to Infinity"),
              std::string::npos)
        << limit;
  }
}

// Of text that is quoted, Infinity stays what it is, also after quotes in it.
TEST(MambaConfigFile, OnlyNumbersAreInfinite) {
  EXPECT_EQ(refusal(R"({"model_type": "\"Infinity"})"),
            "config.json: model_type is \"\\\"Infinity\"; expected \"mamba\" or \"mamba2\"");
}

// ---- What follows

TEST(MambaPreset, UnknownNamesAreRefused) {
  EXPECT_EQ(failure_of([] { mamba_preset("mamba3"); }),
            "model \"mamba3\" is not known; expected one of mamba-tiny, mamba2-tiny, hybrid-tiny, "
            "mamba2-25m, mamba-130m, mamba-370m, mamba-790m, mamba-1.4b, mamba-2.8b, mamba2-130m, "
            "mamba2-370m, mamba2-780m, mamba2-1.3b, mamba2-2.7b");
}

// Published counts.
TEST(MambaParameters, AreThoseOfPublishedModels) {
  const auto count = [](const char* name) { return parameters(mamba_preset(name)); };
  EXPECT_EQ(count("mamba-130m"), 129'135'360);
  EXPECT_EQ(count("mamba-370m"), 371'516'416);
  EXPECT_EQ(count("mamba-1.4b"), 1'372'178'432);
  EXPECT_EQ(count("mamba-2.8b"), 2'768'345'600);
  EXPECT_EQ(count("mamba2-130m"), 128'989'632);
  EXPECT_EQ(count("mamba2-1.3b"), 1'343'757'312);
  EXPECT_EQ(count("mamba2-2.7b"), 2'702'599'680);
  EXPECT_NEAR(static_cast<double>(count("mamba2-25m")), 25e6, 1e6);
}

// GFLOP per token, computed by hand from the shapes.
TEST(MambaFlops, InBothConventions) {
  const auto expect = [](const char* name, double weights, double causal, double full) {
    const TokenFlops flops = flops_per_token(mamba_preset(name), 4096);
    EXPECT_NEAR(flops.causal / 1e9, weights + causal, 0.0011) << name;
    EXPECT_NEAR(flops.full / 1e9, weights + full, 0.0011) << name;
  };
  expect("mamba-130m", 0.770, 0.017, 0.017);
  expect("mamba-370m", 2.215, 0.045, 0.045);
  expect("mamba-1.4b", 8.205, 0.090, 0.090);
  expect("mamba-2.8b", 16.564, 0.149, 0.149);
  expect("mamba2-130m", 0.772, 0.087, 0.118);
  expect("mamba2-1.3b", 8.054, 0.458, 0.613);
  expect("mamba2-2.7b", 16.202, 0.761, 1.019);
}

// A layer of attention in the place of a scan, by itself.
TEST(MambaFlops, OfAttentionGrowWithTheSequence) {
  const MambaConfig config = mamba_preset("hybrid-tiny");
  const auto difference = [&](double TokenFlops::*kind) {
    return flops_per_token(config, 2048).*kind - flops_per_token(config, 1024).*kind;
  };
  EXPECT_EQ(difference(&TokenFlops::causal), 6.0 * 4 * 64 * 1024);
  EXPECT_EQ(difference(&TokenFlops::full), 12.0 * 4 * 64 * 1024);
}

TEST(MambaFlops, ChunksEndWithTheSequence) {
  MambaConfig config = mamba_preset("mamba2-tiny");
  const double whole = flops_per_token(config, 64).full;
  config.chunk = 64;
  EXPECT_EQ(flops_per_token(config, 64).full, whole);
  EXPECT_EQ(flops_per_token(config, 512).full, whole);
}

}  // namespace
}  // namespace tutti::train
