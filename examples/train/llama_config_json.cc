// config.json of LlamaForCausalLM, read and written.
//
// Tested by train_llama_config_test.cc.

#include "train/config_fields.h"
#include "train/llama_config.h"

namespace tutti::train {
namespace {

void check_architecture(const Fields& fields) {
  fields.must_be("model_type", "llama");
  fields.must_be("architectures", Json::array({"LlamaForCausalLM"}));
  if (!fields.has("model_type") && !fields.has("architectures")) {
    fields.fail("model_type", "\"llama\"");
  }
  fields.must_be("hidden_act", "silu");
  fields.must_be("attention_bias", false);
  fields.must_be("mlp_bias", false);
  fields.must_be("attention_dropout", 0.0);
  if (fields.has("quantization_config")) {
    fields.fail("quantization_config", "weights that are not quantized");
  }
}

void read_scaling(const Fields& fields, long positions, RopeConfig& rope) {
  const bool newer = fields.has("rope_type");
  rope.type = fields.text(newer ? "rope_type" : "type", "default");
  fields.must_be("partial_rotary_factor", 1.0);
  if (rope.type == "default") return;
  if (rope.type != "linear" && rope.type != "dynamic" && rope.type != "llama3") {
    fields.fail(newer ? "rope_type" : "type", "default, linear, dynamic or llama3");
  }
  rope.factor = fields.number("factor");
  if (rope.type == "dynamic") {
    rope.original_positions = fields.count("original_max_position_embeddings", positions);
  }
  if (rope.type != "llama3") return;
  rope.low_frequency_factor = fields.number("low_freq_factor");
  rope.high_frequency_factor = fields.number("high_freq_factor");
  if (rope.high_frequency_factor <= rope.low_frequency_factor) {
    fields.fail("high_freq_factor", "more than low_freq_factor");
  }
  rope.original_positions = fields.count("original_max_position_embeddings");
}

RopeConfig read_rope(const Fields& fields, long positions) {
  RopeConfig rope;
  rope.theta = fields.number("rope_theta", rope.theta);
  for (const char* const name : {"rope_scaling", "rope_parameters"}) {
    if (!fields.has(name)) continue;
    const Fields scaling = fields.object(name);
    rope.theta = scaling.number("rope_theta", rope.theta);
    read_scaling(scaling, positions, rope);
  }
  return rope;
}

void check_shape(const Fields& fields, const LlamaConfig& config) {
  if (config.heads % config.kv_heads != 0) {
    fields.fail("num_key_value_heads",
                "a divisor of num_attention_heads, " + std::to_string(config.heads));
  }
  if (!fields.has("head_dim") && config.width % config.heads != 0) {
    fields.fail("num_attention_heads",
                "a divisor of hidden_size, " + std::to_string(config.width) + ", or a head_dim");
  }
  if (config.head_width % 2 != 0) fields.fail("head_dim", "an even number");
}

Json scaling_json(const RopeConfig& rope) {
  if (rope.type == "default") return nullptr;
  Json json = {{"rope_type", rope.type}, {"factor", rope.factor}};
  json["type"] = rope.type;  // its name before transformers 4.43
  if (rope.type == "linear") return json;
  json["original_max_position_embeddings"] = rope.original_positions;
  if (rope.type == "dynamic") return json;
  json["low_freq_factor"] = rope.low_frequency_factor;
  json["high_freq_factor"] = rope.high_frequency_factor;
  return json;
}

}  // namespace

LlamaConfig parse_llama_config(std::string_view text, const std::string& file) {
  const Json json = parse_config(text, file);
  const Fields fields(json, file);
  check_architecture(fields);
  LlamaConfig config;
  config.vocabulary = fields.count("vocab_size");
  config.width = fields.count("hidden_size");
  config.mlp_width = fields.count("intermediate_size");
  config.layers = fields.count("num_hidden_layers");
  config.heads = fields.count("num_attention_heads");
  config.kv_heads = fields.count("num_key_value_heads", config.heads);
  config.head_width = fields.count("head_dim", config.width / config.heads);
  config.positions = fields.count("max_position_embeddings", 2048);
  config.norm_epsilon = fields.number("rms_norm_eps", 1e-6);
  config.init_std = fields.number("initializer_range", 0.02);
  config.tied = fields.flag("tie_word_embeddings", false);
  config.begin_tokens = fields.numbers("bos_token_id");
  config.end_tokens = fields.numbers("eos_token_id");
  config.rope = read_rope(fields, config.positions);
  check_shape(fields, config);
  return config;
}

std::string to_json(const LlamaConfig& config, std::string_view type) {
  const nlohmann::ordered_json json = {{"architectures", {"LlamaForCausalLM"}},
                                       {"model_type", "llama"},
                                       {"vocab_size", config.vocabulary},
                                       {"hidden_size", config.width},
                                       {"intermediate_size", config.mlp_width},
                                       {"num_hidden_layers", config.layers},
                                       {"num_attention_heads", config.heads},
                                       {"num_key_value_heads", config.kv_heads},
                                       {"head_dim", config.head_width},
                                       {"hidden_act", "silu"},
                                       {"max_position_embeddings", config.positions},
                                       {"initializer_range", config.init_std},
                                       {"rms_norm_eps", config.norm_epsilon},
                                       {"tie_word_embeddings", config.tied},
                                       {"attention_bias", false},
                                       {"mlp_bias", false},
                                       {"rope_theta", config.rope.theta},
                                       {"rope_scaling", scaling_json(config.rope)},
                                       {"bos_token_id", tokens_json(config.begin_tokens)},
                                       {"eos_token_id", tokens_json(config.end_tokens)},
                                       {"torch_dtype", type}};
  return json.dump(2) + "\n";
}

}  // namespace tutti::train
