// config.json of MambaForCausalLM, Mamba2ForCausalLM and mamba_ssm, written (and read by
// mamba_config_json.cc).
//
// Tested by train_mamba_config_test.cc.

#include <cmath>

#include "train/config_fields.h"
#include "train/failure.h"
#include "train/mamba_config.h"

namespace tutti::train {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Infinity has no place in JSON: what Python reads as one.
constexpr const char* kInfinityText = "Infinity";

void write_limits(const TimeStepConfig& steps, const char* name, OrderedJson& json) {
  if (steps.lowest == 0 && std::isinf(steps.highest)) return;  // as where it is absent
  json[name] = {steps.lowest, std::isinf(steps.highest) ? OrderedJson(kInfinityText)
                                                        : OrderedJson(steps.highest)};
}

std::string to_text(const OrderedJson& json) {
  const std::string quoted = std::string("\"") + kInfinityText + "\"";
  std::string text = json.dump(2) + "\n";
  if (const std::size_t at = text.find(quoted); at != std::string::npos) {
    text.replace(at, quoted.size(), kInfinityText);
  }
  return text;
}

OrderedJson hugging_face_json(const MambaConfig& config, std::string_view type) {
  const bool first = config.is_mamba1();
  OrderedJson json = {{"architectures", {first ? "MambaForCausalLM" : "Mamba2ForCausalLM"}},
                      {"model_type", first ? "mamba" : "mamba2"},
                      {"vocab_size", config.vocabulary},
                      {"hidden_size", config.width},
                      {"num_hidden_layers", config.layers},
                      {"expand", config.expand},
                      {"state_size", config.states},
                      {"conv_kernel", config.taps},
                      {"use_bias", false},
                      {"use_conv_bias", config.convolution_bias},
                      {"hidden_act", "silu"},
                      {"layer_norm_epsilon", config.norm_epsilon},
                      {"initializer_range", config.init_std},
                      {"rescale_prenorm_residual", true},
                      {"residual_in_fp32", true},
                      {"time_step_min", config.steps.low},
                      {"time_step_max", config.steps.high},
                      {"time_step_floor", config.steps.floor},
                      {"tie_word_embeddings", config.tied},
                      {"bos_token_id", tokens_json(config.begin_tokens)},
                      {"eos_token_id", tokens_json(config.end_tokens)},
                      {"torch_dtype", type}};
  if (first) {
    json["intermediate_size"] = config.inner_width();
    json["time_step_rank"] = config.step_rank;
    json["time_step_scale"] = 1.0;
    json["time_step_init_scheme"] = "random";
    return json;
  }
  json["num_heads"] = config.heads();
  json["head_dim"] = config.head_width;
  json["n_groups"] = config.groups;
  json["chunk_size"] = config.chunk;
  json["rms_norm"] = true;
  write_limits(config.steps, "time_step_limit", json);
  return json;
}

OrderedJson layer_json(const MambaConfig& config) {
  OrderedJson json = {{"layer", config.is_mamba1() ? "Mamba1" : "Mamba2"},
                      {"d_state", config.states},
                      {"d_conv", config.taps},
                      {"expand", config.expand},
                      {"conv_bias", config.convolution_bias},
                      {"bias", false},
                      {"dt_min", config.steps.low},
                      {"dt_max", config.steps.high},
                      {"dt_init_floor", config.steps.floor}};
  if (config.is_mamba1()) {
    json["dt_rank"] = config.step_rank;
    return json;
  }
  json["headdim"] = config.head_width;
  json["ngroups"] = config.groups;
  json["chunk_size"] = config.chunk;
  write_limits(config.steps, "dt_limit", json);
  return json;
}

OrderedJson attention_json(const MambaAttention& attention) {
  return {{"num_heads", attention.heads},
          {"num_heads_kv", attention.kv_heads},
          {"head_dim", attention.head_width},
          {"causal", true},
          {"d_conv", 0},
          {"qkv_proj_bias", false},
          {"out_proj_bias", false},
          {"rotary_emb_dim", attention.rotary ? attention.head_width : 0},
          {"rotary_emb_base", attention.rotary_base}};
}

// mamba_ssm refuses fields that it does not know.
OrderedJson mamba_ssm_json(const MambaConfig& config) {
  if (config.norm_epsilon != kMambaSsmNormEpsilon) {
    throw Failure("config.json: mamba_ssm has no field for the norms' epsilon, which is " +
                  Json(config.norm_epsilon).dump() + "; expected 1e-5");
  }
  if (!config.is_mamba1() && config.norm_groups != config.groups) {
    throw Failure("config.json: norm_groups is " + std::to_string(config.norm_groups) +
                  "; expected as many as groups, " + std::to_string(config.groups) +
                  ": mamba_ssm has no others");
  }
  OrderedJson json = {{"d_model", config.width},
                      {"d_intermediate", 0},
                      {"n_layer", config.layers},
                      {"vocab_size", config.vocabulary},
                      {"pad_vocab_size_multiple", 1},
                      {"ssm_cfg", layer_json(config)},
                      {"rms_norm", true},
                      {"residual_in_fp32", true},
                      {"fused_add_norm", true},
                      {"tie_embeddings", config.tied}};
  if (!config.is_hybrid()) return json;
  json["attn_layer_idx"] = config.attention.layers;
  json["attn_cfg"] = attention_json(config.attention);
  return json;
}

}  // namespace

std::string to_json(const MambaConfig& config, std::string_view type) {
  const bool mamba_ssm = config.is_hybrid() || config.norm_groups != 1;
  return to_text(mamba_ssm ? mamba_ssm_json(config) : hugging_face_json(config, type));
}

}  // namespace tutti::train
