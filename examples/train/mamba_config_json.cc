// config.json of MambaForCausalLM, Mamba2ForCausalLM and mamba_ssm, read (and written by
// mamba_config_write.cc).
//
// What files say of how training from scratch begins is followed where mamba_config.h has a field
// of it; the rest begins as in mamba_ssm.
//
// Tested by train_mamba_config_test.cc.

#include <set>

#include "train/config_fields.h"
#include "train/failure.h"
#include "train/mamba_config.h"

namespace tutti::train {
namespace {

// A field that is called differently by Hugging Face and mamba_ssm.
struct StepNames {
  const char *low, *high, *floor, *limit, *scheme, *scale;
};
constexpr StepNames kHuggingFaceSteps = {"time_step_min",         "time_step_max",
                                         "time_step_floor",       "time_step_limit",
                                         "time_step_init_scheme", "time_step_scale"};
constexpr StepNames kMambaSsmSteps = {"dt_min",   "dt_max",  "dt_init_floor",
                                      "dt_limit", "dt_init", "dt_scale"};

// [0.0, Infinity], where infinity has become null, or is written as transformers 5 does.
void read_limits(const Fields& fields, const char* name, TimeStepConfig& steps) {
  if (!fields.has(name)) return;
  const Json& limits = fields.at(name);
  const auto is_infinite = [](const Json& limit) {
    return limit.is_null() || limit == Json{{"__float__", "Infinity"}};
  };
  const bool two = limits.is_array() && limits.size() == 2 && limits[0].is_number() &&
                   (limits[1].is_number() || is_infinite(limits[1]));
  if (two) {
    steps.lowest = limits[0];
    steps.highest =
        is_infinite(limits[1]) ? std::numeric_limits<double>::infinity() : limits[1].get<double>();
  }
  if (!two || steps.lowest < 0 || steps.highest < steps.lowest) {
    fields.fail(name, "two numbers in order, from 0 to Infinity");
  }
}

TimeStepConfig read_steps(const Fields& fields, const StepNames& names, MambaFamily family) {
  TimeStepConfig steps;
  steps.low = fields.number(names.low, steps.low);
  steps.high = fields.number(names.high, steps.high);
  steps.floor = fields.number(names.floor, steps.floor);
  if (steps.high < steps.low) fields.fail(names.high, std::string(names.low) + " or more");
  if (family == MambaFamily::kMamba2) {
    read_limits(fields, names.limit, steps);
  } else {
    fields.must_be(names.scheme, "random");
    fields.must_be(names.scale, 1.0);
  }
  return steps;
}

long read_rank(const Fields& fields, const char* name, long width) {
  const bool automatic = !fields.has(name) || fields.at(name) == "auto";
  return automatic ? (width + 15) / 16 : fields.count(name);
}

void check_heads(const Fields& fields, const MambaConfig& config, const char* width_name,
                 const char* groups_name) {
  if (config.inner_width() % config.head_width != 0) {
    fields.fail(width_name,
                "a divisor of the inner width, " + std::to_string(config.inner_width()));
  }
  if (config.heads() % config.groups != 0) {
    fields.fail(groups_name, "a divisor of the heads, " + std::to_string(config.heads()));
  }
}

MambaFamily family_of(const Fields& fields) {
  const bool second = fields.text("model_type", "") == "mamba2" ||
                      (fields.has("architectures") &&
                       fields.at("architectures") == Json::array({"Mamba2ForCausalLM"}));
  if (second) {
    fields.must_be("model_type", "mamba2");
    fields.must_be("architectures", Json::array({"Mamba2ForCausalLM"}));
    return MambaFamily::kMamba2;
  }
  const std::string expected = "\"mamba\" or \"mamba2\"";
  if (fields.has("model_type") && fields.at("model_type") != "mamba") {
    fields.fail("model_type", expected);
  }
  fields.must_be("architectures", Json::array({"MambaForCausalLM"}));
  if (!fields.has("model_type") && !fields.has("architectures")) {
    fields.fail("model_type", expected + ", or d_model and the other fields of mamba_ssm");
  }
  return MambaFamily::kMamba1;
}

// What is absent is as in transformers.
MambaConfig read_hugging_face(const Fields& fields) {
  MambaConfig config;
  config.family = family_of(fields);
  const bool first = config.is_mamba1();
  config.vocabulary = fields.count("vocab_size");
  config.width = fields.count("hidden_size");
  config.layers = fields.count("num_hidden_layers");
  config.expand = fields.count("expand", 2);
  config.states = fields.count("state_size", first ? 16 : 128);
  config.taps = fields.count("conv_kernel", 4);
  config.convolution_bias = fields.flag("use_conv_bias", true);
  config.norm_epsilon = fields.number("layer_norm_epsilon", 1e-5);
  config.init_std = fields.number("initializer_range", 0.1);
  config.tied = fields.flag("tie_word_embeddings", first);
  config.begin_tokens = fields.numbers("bos_token_id");
  config.end_tokens = fields.numbers("eos_token_id");
  config.steps = read_steps(fields, kHuggingFaceSteps, config.family);
  fields.must_be("use_bias", false);
  fields.must_be("hidden_act", "silu");
  fields.must_be("intermediate_size", config.inner_width());
  if (fields.has("quantization_config")) {
    fields.fail("quantization_config", "weights that are not quantized");
  }
  if (first) {
    config.step_rank = read_rank(fields, "time_step_rank", config.width);
    return config;
  }
  config.head_width = fields.count("head_dim", 64);
  config.groups = fields.count("n_groups", 8);
  config.chunk = fields.count("chunk_size", 256);
  fields.must_be("rms_norm", true);
  check_heads(fields, config, "head_dim", "n_groups");
  if (fields.count("num_heads", 128) != config.heads()) {
    fields.fail("num_heads", std::to_string(config.heads()) + ", expand hidden_size / head_dim");
  }
  return config;
}

// mamba_ssm hands objects to its layers, so that each of their fields may matter.
void read_mamba1_layer(const Fields& fields, MambaConfig& config) {
  fields.must_be_among({"layer", "d_state", "d_conv", "expand", "dt_rank", "dt_min", "dt_max",
                        "dt_init", "dt_scale", "dt_init_floor", "conv_bias", "bias",
                        "use_fast_path"});
  config.states = fields.count("d_state", 16);
  config.step_rank = read_rank(fields, "dt_rank", config.width);
}

void read_mamba2_layer(const Fields& fields, MambaConfig& config) {
  fields.must_be_among({"layer",        "d_state",    "d_conv",        "conv_init",
                        "expand",       "headdim",    "d_ssm",         "ngroups",
                        "A_init_range", "D_has_hdim", "rmsnorm",       "norm_before_gate",
                        "dt_min",       "dt_max",     "dt_init_floor", "dt_limit",
                        "bias",         "conv_bias",  "chunk_size",    "use_mem_eff_path"});
  config.states = fields.count("d_state", 128);
  config.head_width = fields.count("headdim", 64);
  config.groups = fields.count("ngroups", 1);
  config.norm_groups = config.groups;
  config.chunk = fields.count("chunk_size", 256);
  fields.must_be("conv_init", nullptr);
  fields.must_be("d_ssm", config.inner_width());
  fields.must_be("A_init_range", Json::array({1, 16}));
  fields.must_be("D_has_hdim", false);
  fields.must_be("rmsnorm", true);
  fields.must_be("norm_before_gate", false);
  check_heads(fields, config, "headdim", "ngroups");
}

void read_layer(const Fields& fields, MambaConfig& config) {
  const std::string layer = fields.text("layer", "Mamba1");
  if (layer != "Mamba1" && layer != "Mamba2") fields.fail("layer", "\"Mamba1\" or \"Mamba2\"");
  config.family = layer == "Mamba1" ? MambaFamily::kMamba1 : MambaFamily::kMamba2;
  config.taps = fields.count("d_conv", 4);
  config.expand = fields.count("expand", 2);
  config.convolution_bias = fields.flag("conv_bias", true);
  config.steps = read_steps(fields, kMambaSsmSteps, config.family);
  fields.must_be("bias", false);
  if (config.is_mamba1()) {
    read_mamba1_layer(fields, config);
  } else {
    read_mamba2_layer(fields, config);
  }
}

std::vector<int> read_places(const Fields& fields, long layers) {
  std::set<int> places;
  for (const long layer : fields.numbers("attn_layer_idx")) {
    if (layer < 0 || layer >= layers || !places.insert(static_cast<int>(layer)).second) {
      fields.fail("attn_layer_idx", "each layer once, from 0 to " + std::to_string(layers - 1));
    }
  }
  return {places.begin(), places.end()};
}

// A convolution before attention and biases, which mamba_ssm has where nothing is said, are not
// computed here.
void check_attention(const Fields& fields) {
  fields.must_be_among({"num_heads", "num_heads_kv", "head_dim", "mlp_dim", "qkv_proj_bias",
                        "out_proj_bias", "softmax_scale", "causal", "d_conv", "rotary_emb_dim",
                        "rotary_emb_base", "rotary_emb_interleaved"});
  if (!fields.flag("causal", false)) fields.fail("causal", "true");
  if (fields.flag("qkv_proj_bias", true)) fields.fail("qkv_proj_bias", "false");
  if (fields.flag("out_proj_bias", true)) fields.fail("out_proj_bias", "false");
  fields.must_be("d_conv", 0);
  fields.must_be("mlp_dim", 0);
  fields.must_be("softmax_scale", nullptr);
  fields.must_be("rotary_emb_interleaved", false);
}

MambaAttention read_attention(const Fields& fields, long width) {
  MambaAttention attention;
  attention.heads = fields.count("num_heads");
  attention.kv_heads = fields.count("num_heads_kv", attention.heads);
  if (attention.heads % attention.kv_heads != 0) {
    fields.fail("num_heads_kv", "a divisor of num_heads, " + std::to_string(attention.heads));
  }
  if (!fields.has("head_dim") && width % attention.heads != 0) {
    fields.fail("num_heads", "a divisor of d_model, " + std::to_string(width) + ", or a head_dim");
  }
  attention.head_width = fields.count("head_dim", width / attention.heads);
  const long turned = fields.has("rotary_emb_dim") && fields.at("rotary_emb_dim") != 0
                          ? fields.count("rotary_emb_dim")
                          : 0;
  attention.rotary = turned != 0;
  if (attention.rotary && (turned != attention.head_width || turned % 2 != 0)) {
    fields.fail("rotary_emb_dim", "0, or head_dim where that is even");
  }
  attention.rotary_base = fields.number("rotary_emb_base", attention.rotary_base);
  return attention;
}

// What is absent is as in mamba_ssm.
MambaConfig read_mamba_ssm(const Fields& fields) {
  MambaConfig config;
  config.width = fields.count("d_model");
  config.layers = fields.count("n_layer");
  const long padding = fields.count("pad_vocab_size_multiple", 8);
  config.vocabulary = (fields.count("vocab_size") + padding - 1) / padding * padding;
  config.norm_epsilon = kMambaSsmNormEpsilon;
  config.tied = fields.flag("tie_embeddings", true);
  fields.must_be("rms_norm", true);
  fields.must_be("d_intermediate", 0);
  const Json none = Json::object();
  read_layer(fields.has("ssm_cfg") ? fields.object("ssm_cfg") : Fields(none, "ssm_cfg"), config);
  const std::vector<int> places = read_places(fields, config.layers);
  if (places.empty()) return config;
  if (!fields.has("attn_cfg")) fields.fail("attn_cfg", "the attention of attn_layer_idx");
  const Fields attention = fields.object("attn_cfg");
  check_attention(attention);
  config.attention = read_attention(attention, config.width);
  config.attention.layers = places;
  return config;
}

}  // namespace

MambaConfig parse_mamba_config(std::string_view text, const std::string& file) {
  const Json json = parse_config(text, file);
  const Fields fields(json, file);
  const bool mamba_ssm = fields.has("d_model") && !fields.has("model_type");
  return mamba_ssm ? read_mamba_ssm(fields) : read_hugging_face(fields);
}

}  // namespace tutti::train
