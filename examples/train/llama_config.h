// What a LLaMA is: the numbers of Hugging Face's config.json for LlamaForCausalLM.
//
// Tested by train_llama_config_test.cc.

#pragma once

#include <string>

namespace tutti::train {

/// How positions become angles; fields as in rope_scaling (rope_parameters since transformers 5).
struct RopeConfig {
  std::string type = "default";  // default, linear, dynamic, llama3
  double theta = 10000;
  double factor = 1;
  double low_frequency_factor = 1;
  double high_frequency_factor = 4;
  long original_positions = 8192;

  bool operator==(const RopeConfig&) const = default;
};

struct LlamaConfig {
  long vocabulary = 256;
  long width = 64;       // hidden_size
  long mlp_width = 172;  // intermediate_size
  long layers = 2;
  long heads = 4;
  long kv_heads = 2;
  long head_width = 16;   // head_dim
  long positions = 2048;  // max_position_embeddings
  double norm_epsilon = 1e-5;
  double init_std = 0.02;
  bool tied = false;  // tie_word_embeddings
  RopeConfig rope;

  bool operator==(const LlamaConfig&) const = default;
};

}  // namespace tutti::train
