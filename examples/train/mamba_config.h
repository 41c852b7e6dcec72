// What a Mamba is: the numbers of Hugging Face's config.json for MambaForCausalLM and
// Mamba2ForCausalLM, and of mamba_ssm's, which can have attention in some layers; models known by
// name; and what follows from the numbers, parameters and FLOPs.
//
// Tested by train_mamba_config_test.cc.

#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "train/token_flops.h"

namespace tutti::train {

enum class MambaFamily { kMamba1, kMamba2 };

/// Time steps at the beginning, log-uniform between the first two and at least `floor`; and the
/// limits that Mamba-2 keeps them in.
struct TimeStepConfig {
  double low = 0.001;
  double high = 0.1;
  double floor = 1e-4;
  double lowest = 0;
  double highest = std::numeric_limits<double>::infinity();

  bool operator==(const TimeStepConfig&) const = default;
};

/// Layers that have attention in the place of a scan: a hybrid.
struct MambaAttention {
  std::vector<int> layers = {};  // attn_layer_idx; in order
  long heads = 0;
  long kv_heads = 0;
  long head_width = 0;
  bool rotary = true;  // queries and keys are turned by their positions
  double rotary_base = 10000;

  bool operator==(const MambaAttention&) const = default;
};

struct MambaConfig {
  MambaFamily family = MambaFamily::kMamba2;
  long vocabulary = 256;
  long width = 64;  // hidden_size
  long layers = 2;
  long expand = 2;
  long states = 16;  // state_size: N
  long taps = 4;     // conv_kernel: K
  bool convolution_bias = true;
  double norm_epsilon = 1e-5;
  double init_std = 0.02;  // of the embedding
  bool tied = true;        // tie_word_embeddings
  TimeStepConfig steps = {};

  long step_rank = 0;  // of Mamba-1: time_step_rank, R

  // Of Mamba-2.
  long head_width = 64;  // head_dim: P
  long groups = 1;       // of B and C: n_groups, G
  long chunk = 256;
  // Groups of columns that the gated norm works on, each by itself. mamba_ssm has as many as
  // `groups`, Hugging Face's Mamba2ForCausalLM one: equal in published models, which have one
  // group; otherwise what the file is for decides.
  long norm_groups = 1;

  MambaAttention attention = {};
  std::vector<long> begin_tokens = {};  // bos_token_id; empty: none
  std::vector<long> end_tokens = {};    // eos_token_id

  long inner_width() const { return expand * width; }        // Di
  long heads() const { return inner_width() / head_width; }  // of Mamba-2: H
  long matrix_width() const { return groups * states; }      // of B and of C of Mamba-2
  bool is_mamba1() const { return family == MambaFamily::kMamba1; }
  bool is_hybrid() const { return !attention.layers.empty(); }
  bool is_attention(int layer) const;

  bool operator==(const MambaConfig&) const = default;
};

/// Of all norms of mamba_ssm, whose files do not say it.
inline constexpr double kMambaSsmNormEpsilon = 1e-5;

/// Reads a config.json of either kind. Fails, naming `file`, field and value, where the model is
/// another one or has what is not computed here, with what would be accepted.
MambaConfig parse_mamba_config(std::string_view json, const std::string& file);

/// A config.json: Hugging Face's where its models compute the same, else (hybrids, grouped norms)
/// mamba_ssm's, which knows neither tokens nor a type. `type`: of the numbers beside it, "float32",
/// "bfloat16". Fails for what neither has.
std::string to_json(const MambaConfig& config, std::string_view type);

/// "mamba2-tiny", "mamba-130m" …; fails with the names that there are.
MambaConfig mamba_preset(std::string_view name);
std::vector<std::string_view> mamba_presets();

/// Numbers to learn; tied ones once.
long parameters(const MambaConfig& config);

/// Multiplications with weights: each weight 6, where the embedding is looked up and not
/// multiplied. Then three times what the scans take forward: of Mamba-1, 9 for each state of each
/// channel, exp() counted as one, and the convolution; of Mamba-2, the products of matrices.
TokenFlops flops_per_token(const MambaConfig& config, long sequence);

}  // namespace tutti::train
