// config.json of Hugging Face's and mamba_ssm's models. Tested by planner_model_json_test.cc.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

using Json = nlohmann::json;

// Fields of an object by name; null counts as absent. What is wrong is kept, the first of it, and
// whoever asks gets a stand-in.
class Fields {
 public:
  Fields(const Json& json, std::string where, Status& wrong)
      : json_(json), where_(std::move(where)), wrong_(wrong) {}

  bool has(const char* name) const {
    return json_.is_object() && json_.contains(name) && !json_.at(name).is_null();
  }
  Fields object(const char* name) const {
    static const Json kNone = Json::object();
    if (has(name) && !json_.at(name).is_object()) fail(name, "an object");
    return {has(name) ? json_.at(name) : kNone, where_ + ": " + name, wrong_};
  }

  void fail(const char* name, const std::string& expected) const {
    if (!wrong_.ok()) return;
    const std::string what = has(name) ? " is " + json_.at(name).dump() : " is missing";
    wrong_ = {Code::kInvalidArgument, where_ + ": " + name + what + "; expected " + expected};
  }

  long count(const char* name) const {
    if (has(name) && json_.at(name).is_number_integer()) {
      const long value = json_.at(name).get<long>();
      if (value >= 1 && value <= kMost) return value;
    }
    fail(name, "a whole number from 1 to " + std::to_string(kMost));
    return 1;
  }
  long count(const char* name, long otherwise) const { return has(name) ? count(name) : otherwise; }
  bool is_zero(const char* name) const { return has(name) && json_.at(name) == 0; }
  bool flag(const char* name, bool otherwise) const {
    if (!has(name)) return otherwise;
    if (!json_.at(name).is_boolean()) fail(name, "true or false");
    return json_.at(name).is_boolean() && json_.at(name).get<bool>();
  }
  std::string text(const char* name) const {
    return has(name) && json_.at(name).is_string() ? json_.at(name).get<std::string>() : "";
  }
  // The first of a list, or the text itself.
  std::string first(const char* name) const {
    const bool list = has(name) && json_.at(name).is_array() && !json_.at(name).empty();
    if (!list) return text(name);
    return json_.at(name)[0].is_string() ? json_.at(name)[0].get<std::string>() : "";
  }
  std::vector<int> indices(const char* name, long end) const {
    std::vector<int> found;
    if (!has(name)) return found;
    const std::string expected = "a list of layers, 0 to " + std::to_string(end - 1);
    if (!json_.at(name).is_array()) fail(name, expected);
    for (const Json& entry : json_.at(name)) {
      const bool good =
          entry.is_number_integer() && entry.get<long>() >= 0 && entry.get<long>() < end;
      if (!good) return fail(name, expected), found;
      found.push_back(entry.get<int>());
    }
    return found;
  }

 private:
  static constexpr long kMost = 1 << 30;

  const Json& json_;
  const std::string where_;
  Status& wrong_;
};

constexpr const char* kLlamas[] = {"LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM",
                                   "Qwen3ForCausalLM"};
constexpr const char* kExpected =
    "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, MambaForCausalLM, "
    "Mamba2ForCausalLM, or mamba_ssm's own fields (d_model, n_layer)";

void refuse_experts(const Fields& fields) {
  for (const char* const name :
       {"num_local_experts", "num_experts", "n_routed_experts", "moe_intermediate_size"}) {
    if (fields.has(name)) fields.fail(name, "a model without experts");
  }
}

ModelShape read_llama(const Fields& fields) {
  const long width = fields.count("hidden_size");
  const long heads = fields.count("num_attention_heads");
  const long kv_heads = fields.count("num_key_value_heads", heads);
  if (!fields.has("head_dim") && width % heads != 0) {
    fields.fail("num_attention_heads",
                "a divisor of hidden_size, " + std::to_string(width) + ", or a head_dim");
  }
  if (heads % kv_heads != 0) {
    fields.fail("num_key_value_heads",
                "a divisor of num_attention_heads, " + std::to_string(heads));
  }
  return {.name = fields.text("model_type"),
          .vocabulary = fields.count("vocab_size"),
          .width = width,
          .tied = fields.flag("tie_word_embeddings", false),
          .runs = {{.layers = static_cast<int>(fields.count("num_hidden_layers")),
                    .mlp_width = fields.count("intermediate_size"),
                    .heads = heads,
                    .kv_heads = kv_heads,
                    .head_width = fields.count("head_dim", std::max(1L, width / heads))}}};
}

long default_rank(long width) { return (width + 15) / 16; }

ModelShape read_mamba1(const Fields& fields) {
  const long width = fields.count("hidden_size");
  long rank = default_rank(width);
  if (fields.has("time_step_rank") && fields.text("time_step_rank") != "auto") {
    rank = fields.count("time_step_rank");
  }
  const long inner = fields.count("intermediate_size", width * fields.count("expand", 2));
  return {.name = "mamba",
          .vocabulary = fields.count("vocab_size"),
          .width = width,
          .tied = fields.flag("tie_word_embeddings", true),
          .runs = {{.layers = static_cast<int>(fields.count("num_hidden_layers")),
                    .mixer = Mixer::kMamba1,
                    .inner = inner,
                    .state = fields.count("state_size", 16),
                    .conv = fields.count("conv_kernel", 4),
                    .dt_rank = rank}}};
}

ModelShape read_mamba2(const Fields& fields) {
  const long width = fields.count("hidden_size");
  const long inner = width * fields.count("expand", 2);
  const long head_width = fields.count("head_dim", 64);
  const long heads = fields.count("num_heads", std::max(1L, inner / head_width));
  if (heads * head_width != inner) {
    fields.fail("num_heads", "expand x hidden_size / head_dim, " + std::to_string(inner) + " / " +
                                 std::to_string(head_width));
  }
  const long groups = fields.count("n_groups", 8);
  if (heads % groups != 0)
    fields.fail("n_groups", "a divisor of num_heads, " + std::to_string(heads));
  return {.name = "mamba2",
          .vocabulary = fields.count("vocab_size"),
          .width = width,
          .tied = fields.flag("tie_word_embeddings", false),
          .runs = {{.layers = static_cast<int>(fields.count("num_hidden_layers")),
                    .mixer = Mixer::kMamba2,
                    .heads = heads,
                    .head_width = head_width,
                    .inner = inner,
                    .state = fields.count("state_size", 128),
                    .groups = groups,
                    .conv = fields.count("conv_kernel", 4),
                    .chunk = fields.count("chunk_size", 256)}}};
}

// ---- mamba_ssm: MambaConfig, with attention in the layers of attn_layer_idx

LayerRun mamba_ssm_layer(const Fields& fields, long width, long mlp) {
  const Fields ssm = fields.object("ssm_cfg");
  const std::string layer = ssm.has("layer") ? ssm.text("layer") : "Mamba1";
  if (layer != "Mamba1" && layer != "Mamba2") ssm.fail("layer", "\"Mamba1\" or \"Mamba2\"");
  LayerRun run{.mlp_width = mlp};
  run.inner = width * ssm.count("expand", 2);
  run.conv = ssm.count("d_conv", 4);
  if (layer == "Mamba1") {
    run.mixer = Mixer::kMamba1;
    run.state = ssm.count("d_state", 16);
    const bool automatic = !ssm.has("dt_rank") || ssm.text("dt_rank") == "auto";
    run.dt_rank = automatic ? default_rank(width) : ssm.count("dt_rank");
    return run;
  }
  run.mixer = Mixer::kMamba2;
  run.state = ssm.count("d_state", 128);
  run.head_width = ssm.count("headdim", 64);
  run.heads = run.inner / run.head_width;
  if (run.inner % run.head_width != 0) {
    ssm.fail("headdim", "a divisor of expand x d_model, " + std::to_string(run.inner));
  }
  run.groups = ssm.count("ngroups", 1);
  run.chunk = ssm.count("chunk_size", 256);
  return run;
}

LayerRun mamba_ssm_attention(const Fields& fields, long width, long mlp) {
  const Fields attention = fields.object("attn_cfg");
  LayerRun run{.mlp_width = mlp, .heads = attention.count("num_heads")};
  run.kv_heads = attention.count("num_heads_kv", run.heads);
  run.head_width = attention.count("head_dim", std::max(1L, width / run.heads));
  if (run.heads % run.kv_heads != 0) {
    attention.fail("num_heads_kv", "a divisor of num_heads, " + std::to_string(run.heads));
  }
  return run;
}

ModelShape read_mamba_ssm(const Fields& fields) {
  ModelShape model{.name = "mamba_ssm"};
  model.width = fields.count("d_model");
  const long padding = fields.count("pad_vocab_size_multiple", 8);
  model.vocabulary = (fields.count("vocab_size") + padding - 1) / padding * padding;
  model.tied = fields.flag("tie_embeddings", true);
  const long mlp = fields.is_zero("d_intermediate") ? 0 : fields.count("d_intermediate", 0);
  const int layers = static_cast<int>(fields.count("n_layer"));
  const LayerRun mamba = mamba_ssm_layer(fields, model.width, mlp);
  const std::vector<int> places = fields.indices("attn_layer_idx", layers);
  for (int layer = 0; layer < layers; ++layer) {
    const bool attends = std::find(places.begin(), places.end(), layer) != places.end();
    const LayerRun run = attends ? mamba_ssm_attention(fields, model.width, mlp) : mamba;
    LayerRun one = model.runs.empty() ? LayerRun{} : model.runs.back();
    one.layers = 1;
    if (!model.runs.empty() && one == run) {
      ++model.runs.back().layers;
    } else {
      model.runs.push_back(run);
    }
  }
  return model;
}

ModelShape read_model(const Fields& fields) {
  refuse_experts(fields);
  if (fields.has("d_model") && fields.has("n_layer")) return read_mamba_ssm(fields);
  const char* const field = fields.has("architectures") ? "architectures" : "model_type";
  const std::string what = fields.first(field);
  for (const char* const llama : kLlamas) {
    if (what == llama) return read_llama(fields);
  }
  if (what == "llama" || what == "mistral" || what == "qwen2" || what == "qwen3") {
    return read_llama(fields);
  }
  if (what == "MambaForCausalLM" || what == "mamba") return read_mamba1(fields);
  if (what == "Mamba2ForCausalLM" || what == "mamba2") return read_mamba2(fields);
  fields.fail(field, kExpected);
  return {};
}

}  // namespace

Result<ModelShape> parse_model(std::string_view text, const std::string& file) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) {
    return {Code::kInvalidArgument, file + ": expected a JSON object"};
  }
  Status wrong;
  ModelShape model = read_model(Fields(json, file, wrong));
  if (!wrong.ok()) return wrong;
  return model;
}

}  // namespace tutti::planner
