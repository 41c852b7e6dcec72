// Models known by name: how a family's list of them is searched.
//
// Tested by train_llama_config_test.cc and train_mamba_config_test.cc.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "train/failure.h"

namespace tutti::train {

template <class Config>
struct Preset {
  std::string_view name;
  Config config;
};

/// Fails with the names that there are.
template <class Presets>
auto preset_named(const Presets& presets, std::string_view name) {
  std::string known;
  for (const auto& preset : presets) {
    if (preset.name == name) return preset.config;
    known += (known.empty() ? "" : ", ") + std::string(preset.name);
  }
  throw Failure("model \"" + std::string(name) + "\" is not known; expected one of " + known);
}

template <class Presets>
std::vector<std::string_view> names_of(const Presets& presets) {
  std::vector<std::string_view> names;
  for (const auto& preset : presets) names.push_back(preset.name);
  return names;
}

}  // namespace tutti::train
