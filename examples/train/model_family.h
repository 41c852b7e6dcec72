// Families of models as one: what the command, its estimates and generation ask of a model without
// knowing which it is.
//
// Tested by train_config_test.cc.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "train/llama.h"
#include "train/mamba.h"

namespace tutti::train {

/// In the order of the variants.
enum class ModelFamily { kLlama, kMamba };
using ModelConfig = std::variant<LlamaConfig, MambaConfig>;
using ModelSettings = std::variant<LlamaSettings, MambaSettings>;

/// "llama", "mamba": the command that trains it.
std::string command_of(ModelFamily family);

/// A folder with a config.json, of whatever family. Fails with what would be read.
ModelConfig read_model(const std::string& folder);
/// A folder, or a name that is known. Fails if the model is of another family.
ModelConfig read_model(const std::string& name, ModelFamily family);

/// With settings to begin with.
ModelSettings settings_of(const ModelConfig& config);
ModelConfig config_of(const ModelSettings& settings);
ComputeSettings& computing(ModelSettings& settings);
const ComputeSettings& computing(const ModelSettings& settings);
std::unique_ptr<Model> make_model(const ModelSettings& settings);

/// What both kinds of config.json have, and what is made of both.
LanguageShape shape_of(const ModelConfig& config);
const std::vector<long>& end_tokens(const ModelConfig& config);
std::string to_json(const ModelConfig& config, std::string_view type);
long parameters(const ModelConfig& config);
TokenFlops flops_per_token(const ModelConfig& config, long sequence);
/// Tokens that a sequence can have; none where there is no limit.
std::optional<long> positions(const ModelConfig& config);
/// "4 layers, width 256, …"
std::string describe(const ModelConfig& config);

}  // namespace tutti::train
