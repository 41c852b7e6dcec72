// What a LLaMA is: the numbers of Hugging Face's config.json for LlamaForCausalLM; models known by
// name; and what follows from the numbers, parameters and FLOPs.
//
// Tested by train_llama_config_test.cc.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/token_flops.h"

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
  RopeConfig rope = {};
  std::vector<long> begin_tokens = {};  // bos_token_id; empty: none
  std::vector<long> end_tokens = {};    // eos_token_id; some models have several

  bool operator==(const LlamaConfig&) const = default;
};

/// Reads a config.json. Fails, naming `file`, field and value, where the model is another one or
/// has what is not computed here (biases, other scalings), with what would be accepted.
LlamaConfig parse_llama_config(std::string_view json, const std::string& file);

/// A config.json that every release of transformers reads. `type`: of the numbers beside it,
/// "float32", "bfloat16".
std::string to_json(const LlamaConfig& config, std::string_view type);

/// "llama-tiny", "25m", "0.1b" …; fails with the names that there are.
LlamaConfig llama_preset(std::string_view name);
std::vector<std::string_view> llama_presets();

/// Numbers to learn; tied ones once.
long parameters(const LlamaConfig& config);

/// Multiplications with weights: each weight 6, where the embedding is looked up and not
/// multiplied.
TokenFlops flops_per_token(const LlamaConfig& config, long sequence);

}  // namespace tutti::train
