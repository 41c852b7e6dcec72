#include "train/model_family.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "train/config_fields.h"
#include "train/data/mapped_file.h"
#include "train/overload.h"

namespace tutti::train {
namespace {

using enum ModelFamily;

constexpr ModelFamily kFamilies[] = {kLlama, kMamba};

std::string title_of(ModelFamily family) { return family == kLlama ? "LLaMA" : "Mamba"; }

// Whether it is one; parse_…_config() then says what is wrong with it.
bool is_named(const Fields& fields, ModelFamily family) {
  const std::string type = fields.text("model_type", "");
  if (!type.empty()) return type.starts_with(command_of(family));
  if (fields.has("architectures")) {
    const std::string name = family == kLlama ? "Llama" : "Mamba";
    return fields.at("architectures").dump().starts_with("[\"" + name);
  }
  return family == kMamba && fields.has("d_model");
}

std::optional<ModelFamily> family_of(std::string_view text, const std::string& file) {
  const Json json = parse_config(text, file);
  const Fields fields(json, file);
  for (const ModelFamily family : kFamilies) {
    if (is_named(fields, family)) return family;
  }
  return std::nullopt;
}

ModelConfig parse(ModelFamily family, std::string_view text, const std::string& file) {
  if (family == kLlama) return parse_llama_config(text, file);
  return parse_mamba_config(text, file);
}

ModelConfig preset(ModelFamily family, const std::string& name) {
  if (family == kLlama) return llama_preset(name);
  return mamba_preset(name);
}

std::vector<std::string_view> presets(ModelFamily family) {
  return family == kLlama ? llama_presets() : mamba_presets();
}

std::string refusal(const std::string& what, ModelFamily is, ModelFamily expected) {
  return fmt::format("{}: is a {}; expected a {}, or tutti-train {}", what, title_of(is),
                     title_of(expected), command_of(is));
}

std::string describe_attention(const MambaAttention& attention) {
  return fmt::format(", attention in layers {}: heads {} of {} ({} of keys)",
                     fmt::join(attention.layers, " "), attention.heads, attention.head_width,
                     attention.kv_heads);
}

std::string describe(const LlamaConfig& config) {
  return fmt::format("{} layers, width {}, MLP {}, heads {} of {} ({} of keys), vocabulary {}{}",
                     config.layers, config.width, config.mlp_width, config.heads, config.head_width,
                     config.kv_heads, config.vocabulary, config.tied ? ", tied" : "");
}

std::string describe(const MambaConfig& config) {
  const std::string scan =
      config.is_mamba1()
          ? fmt::format("Mamba-1, {} channels of {} states", config.inner_width(), config.states)
          : fmt::format("Mamba-2, heads {} of {} ({} groups), {} states", config.heads(),
                        config.head_width, config.groups, config.states);
  return fmt::format("{} layers, width {}, {}{}, vocabulary {}{}", config.layers, config.width,
                     scan, config.is_hybrid() ? describe_attention(config.attention) : "",
                     config.vocabulary, config.tied ? ", tied" : "");
}

}  // namespace

std::string command_of(ModelFamily family) { return family == kLlama ? "llama" : "mamba"; }

ModelConfig read_model(const std::string& folder) {
  const std::string file = folder + "/config.json";
  const MappedFile mapped(file);
  const std::optional<ModelFamily> family = family_of(mapped.text(), file);
  if (family) return parse(*family, mapped.text(), file);
  throw Failure(file +
                ": is of no family that is known; expected model_type \"llama\", \"mamba\" "
                "or \"mamba2\", or d_model and the other fields of mamba_ssm");
}

ModelConfig read_model(const std::string& name, ModelFamily family) {
  if (std::filesystem::is_directory(name)) {
    const std::string file = name + "/config.json";
    const MappedFile mapped(file);
    const ModelFamily is = family_of(mapped.text(), file).value_or(family);
    if (is != family) throw Failure(refusal(file, is, family));
    return parse(family, mapped.text(), file);
  }
  for (const ModelFamily other : kFamilies) {
    const auto known = presets(other);
    if (other == family || std::find(known.begin(), known.end(), name) == known.end()) continue;
    throw Failure(refusal("model " + name, other, family));
  }
  return preset(family, name);
}

ModelSettings settings_of(const ModelConfig& config) {
  return std::visit(Overload{[](const LlamaConfig& c) -> ModelSettings {
                               return LlamaSettings{{}, c};
                             },
                             [](const MambaConfig& c) -> ModelSettings {
                               return MambaSettings{{}, c};
                             }},
                    config);
}
ModelConfig config_of(const ModelSettings& settings) {
  return std::visit([](const auto& s) -> ModelConfig { return s.config; }, settings);
}
ComputeSettings& computing(ModelSettings& settings) {
  return std::visit([](auto& s) -> ComputeSettings& { return s; }, settings);
}
const ComputeSettings& computing(const ModelSettings& settings) {
  return std::visit([](const auto& s) -> const ComputeSettings& { return s; }, settings);
}

std::unique_ptr<Model> make_model(const ModelSettings& settings) {
  return std::visit(Overload{[](const LlamaSettings& s) -> std::unique_ptr<Model> {
                               return std::make_unique<Llama>(s);
                             },
                             [](const MambaSettings& s) -> std::unique_ptr<Model> {
                               return std::make_unique<Mamba>(s);
                             }},
                    settings);
}

LanguageShape shape_of(const ModelConfig& config) {
  return std::visit([](const auto& c) { return shape_of(c); }, config);
}
const std::vector<long>& end_tokens(const ModelConfig& config) {
  return std::visit([](const auto& c) -> const std::vector<long>& { return c.end_tokens; }, config);
}
std::string to_json(const ModelConfig& config, std::string_view type) {
  return std::visit([&](const auto& c) { return to_json(c, type); }, config);
}
long parameters(const ModelConfig& config) {
  return std::visit([](const auto& c) { return parameters(c); }, config);
}
TokenFlops flops_per_token(const ModelConfig& config, long sequence) {
  return std::visit([&](const auto& c) { return flops_per_token(c, sequence); }, config);
}
std::optional<long> positions(const ModelConfig& config) {
  const auto* const llama = std::get_if<LlamaConfig>(&config);
  return llama == nullptr ? std::nullopt : std::optional(llama->positions);
}
std::string describe(const ModelConfig& config) {
  return std::visit([](const auto& c) { return describe(c); }, config);
}

}  // namespace tutti::train
