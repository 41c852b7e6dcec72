// Tests examples/train/llama_config: config.json of the LLaMAs, and what follows from the numbers.
//
// ROOMS: train
// TIER: fast
// SANITIZERS: none

#include <gtest/gtest.h>

#include <numeric>

#include "expect_failure.h"
#include "train/llama.h"
#include "train/llama_config.h"

namespace tutti::train {
namespace {

LlamaConfig read(const std::string& json) { return parse_llama_config(json, "config.json"); }

// The fields that every file has, and more.
std::string with(const std::string& more) {
  return R"({"model_type": "llama", "vocab_size": 128256, "hidden_size": 2048,
    "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32)" +
         more + "}";
}
std::string refusal(const std::string& more) {
  return failure_of([&] { read(with(more)); });
}

TEST(LlamaConfigFile, OfLlama2) {
  const LlamaConfig config = read(R"({"architectures": ["LlamaForCausalLM"], "bos_token_id": 1,
    "eos_token_id": 2, "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
    "intermediate_size": 11008, "max_position_embeddings": 4096, "model_type": "llama",
    "num_attention_heads": 32, "num_hidden_layers": 32, "num_key_value_heads": 32,
    "pretraining_tp": 1, "rms_norm_eps": 1e-05, "rope_scaling": null, "tie_word_embeddings": false,
    "torch_dtype": "float16", "transformers_version": "4.31.0.dev0", "use_cache": true,
    "vocab_size": 32000})");
  LlamaConfig expected = llama_preset("7b");
  expected.begin_tokens = {1};
  expected.end_tokens = {2};
  EXPECT_EQ(config, expected);
}

TEST(LlamaConfigFile, OfLlama31) {
  const LlamaConfig config =
      read(R"({"architectures": ["LlamaForCausalLM"], "attention_bias": false,
    "attention_dropout": 0.0, "bos_token_id": 128000, "eos_token_id": [128001, 128008, 128009],
    "hidden_act": "silu", "hidden_size": 4096, "initializer_range": 0.02,
    "intermediate_size": 14336, "max_position_embeddings": 131072, "mlp_bias": false,
    "model_type": "llama", "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "pretraining_tp": 1, "rms_norm_eps": 1e-05,
    "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 8192, "rope_type": "llama3"},
    "rope_theta": 500000.0, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
    "vocab_size": 128256})");
  LlamaConfig expected = llama_preset("8b");
  expected.begin_tokens = {128000};
  expected.end_tokens = {128001, 128008, 128009};
  EXPECT_EQ(config, expected);
}

TEST(LlamaConfigFile, WhatIsLeftOutIsAsInTransformers) {
  const LlamaConfig config = read(with(""));
  EXPECT_EQ(config.kv_heads, 32);
  EXPECT_EQ(config.head_width, 64);
  EXPECT_EQ(config.positions, 2048);
  EXPECT_EQ(config.norm_epsilon, 1e-6);
  EXPECT_EQ(config.rope, RopeConfig{});
  EXPECT_FALSE(config.tied);
}

TEST(LlamaConfigFile, ScalingsOldAndNew) {
  const RopeConfig llama32{"llama3", 500000, 32, 1, 4, 8192};
  const std::string numbers = R"("factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 8192})";
  EXPECT_EQ(
      read(with(R"(, "rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", )" + numbers))
          .rope,
      llama32);
  EXPECT_EQ(read(with(R"(, "rope_parameters": {"rope_theta": 500000.0, "rope_type": "llama3", )" +
                      numbers))
                .rope,
            llama32);
  EXPECT_EQ(read(with(R"(, "rope_scaling": {"type": "linear", "factor": 2.0})")).rope,
            (RopeConfig{"linear", 10000, 2}));
  EXPECT_EQ(read(with(R"(, "max_position_embeddings": 4096,
                           "rope_scaling": {"type": "dynamic", "factor": 4})"))
                .rope,
            (RopeConfig{"dynamic", 10000, 4, 1, 4, 4096}));
  EXPECT_EQ(
      read(with(R"(, "rope_parameters": {"rope_theta": 20000, "rope_type": "default"})")).rope,
      (RopeConfig{"default", 20000}));
}

TEST(LlamaConfigFile, IsReadAsItWasWritten) {
  for (const std::string_view name : llama_presets()) {
    LlamaConfig config = llama_preset(name);
    config.end_tokens = {5, 6};
    EXPECT_EQ(read(to_json(config, "float32")), config) << name;
    for (const char* const type : {"linear", "dynamic"}) {
      config.rope = {type, 12345, 3};
      if (config.rope.type == "dynamic") config.rope.original_positions = 77;
      EXPECT_EQ(read(to_json(config, "bfloat16")), config) << name;
    }
  }
}

TEST(LlamaConfigFile, WhatIsNotComputedIsRefused) {
  EXPECT_EQ(refusal(R"(, "architectures": ["MistralForCausalLM"])"),
            "config.json: architectures is [\"MistralForCausalLM\"]; expected "
            "[\"LlamaForCausalLM\"]");
  EXPECT_EQ(failure_of([] { read(R"({"model_type": "gpt2"})"); }),
            "config.json: model_type is \"gpt2\"; expected \"llama\"");
  EXPECT_EQ(failure_of([] { read("{}"); }),
            "config.json: model_type is missing; expected \"llama\"");
  EXPECT_EQ(refusal(R"(, "attention_bias": true)"),
            "config.json: attention_bias is true; expected false");
  EXPECT_EQ(refusal(R"(, "mlp_bias": true)"), "config.json: mlp_bias is true; expected false");
  EXPECT_EQ(refusal(R"(, "attention_dropout": 0.1)"),
            "config.json: attention_dropout is 0.1; expected 0.0");
  EXPECT_EQ(refusal(R"(, "hidden_act": "gelu")"),
            "config.json: hidden_act is \"gelu\"; expected \"silu\"");
  EXPECT_EQ(refusal(R"(, "quantization_config": {})"),
            "config.json: quantization_config is {}; expected weights that are not quantized");
  EXPECT_EQ(
      refusal(R"(, "rope_scaling": {"rope_type": "yarn", "factor": 2})"),
      "config.json: rope_scaling: rope_type is \"yarn\"; expected default, linear, dynamic or "
      "llama3");
  EXPECT_EQ(refusal(R"(, "rope_parameters": {"partial_rotary_factor": 0.5})"),
            "config.json: rope_parameters: partial_rotary_factor is 0.5; expected 1.0");
}

TEST(LlamaConfigFile, BadNumbersAreRefused) {
  EXPECT_EQ(failure_of([] { read(R"({"model_type": "llama"})"); }),
            "config.json: vocab_size is missing; expected a whole number above 0");
  EXPECT_EQ(refusal(R"(, "num_key_value_heads": 5)"),
            "config.json: num_key_value_heads is 5; expected a divisor of num_attention_heads, 32");
  EXPECT_EQ(refusal(R"(, "num_key_value_heads": -8)"),
            "config.json: num_key_value_heads is -8; expected a whole number above 0");
  EXPECT_EQ(refusal(R"(, "head_dim": 63)"), "config.json: head_dim is 63; expected an even number");
  EXPECT_EQ(refusal(R"(, "rms_norm_eps": "small")"),
            "config.json: rms_norm_eps is \"small\"; expected a number above 0");
  EXPECT_EQ(refusal(R"(, "tie_word_embeddings": 1)"),
            "config.json: tie_word_embeddings is 1; expected true or false");
  EXPECT_EQ(refusal(R"(, "rope_scaling": {"type": "linear"})"),
            "config.json: rope_scaling: factor is missing; expected a number above 0");
  EXPECT_EQ(refusal(R"(, "rope_scaling": 3)"), "config.json: rope_scaling: expected an object");
  EXPECT_TRUE(
      failure_of([] { read("{\"a\": }"); }).starts_with("config.json: at byte 7: expected JSON ("));
}

TEST(LlamaPreset, UnknownNamesAreRefused) {
  EXPECT_EQ(failure_of([] { llama_preset("9b"); }),
            "model \"9b\" is not known; expected one of llama-tiny, 25m, 0.1b, 0.5b, 1b, 3b, 7b, "
            "8b, 13b, 70b");
}

// Published counts, of the models that the presets name.
TEST(Parameters, AreThoseOfPublishedModels) {
  EXPECT_EQ(parameters(llama_preset("0.1b")), 134'515'008);
  EXPECT_EQ(parameters(llama_preset("1b")), 1'100'048'384);
  EXPECT_EQ(parameters(llama_preset("3b")), 3'212'749'824);
  EXPECT_EQ(parameters(llama_preset("7b")), 6'738'415'616);
  EXPECT_EQ(parameters(llama_preset("8b")), 8'030'261'248);
  EXPECT_EQ(parameters(llama_preset("13b")), 13'015'864'320);
  EXPECT_EQ(parameters(llama_preset("70b")), 70'553'706'496);
  EXPECT_NEAR(static_cast<double>(parameters(llama_preset("25m"))), 25e6, 1e6);
  EXPECT_NEAR(static_cast<double>(parameters(llama_preset("0.5b"))), 0.5e9, 0.01e9);
}

TEST(Parameters, AreThoseOfTheTensors) {
  for (const std::string_view name : llama_presets()) {
    LlamaSettings settings;
    settings.config = llama_preset(name);
    const auto rows = Llama(settings).tensors({0, static_cast<int>(settings.config.layers)}, {});
    const long sum = std::accumulate(rows.begin(), rows.end(), 0L,
                                     [](long n, const TensorRow& row) { return n + row.size(); });
    EXPECT_EQ(parameters(settings.config), sum) << name;
  }
}

// GFLOP per token, computed by hand from the shapes.
TEST(Flops, InBothConventions) {
  const auto expect = [](std::string_view name, long sequence, double causal, double full) {
    const TokenFlops flops = flops_per_token(llama_preset(name), sequence);
    EXPECT_NEAR(flops.causal / 1e9, causal, 0.0006) << name;
    EXPECT_NEAR(flops.full / 1e9, full, 0.0006) << name;
  };
  expect("0.1b", 2048, 1.019, 1.232);
  expect("1b", 2048, 6.760, 7.314);
  expect("7b", 4096, 42.864, 46.085);
  expect("8b", 8192, 51.470, 57.913);
}

}  // namespace
}  // namespace tutti::train
