#include "train/llama_config.h"

#include <array>
#include <cmath>

#include "train/presets.h"

namespace tutti::train {
namespace {

constexpr long kPositions = 4096;

// Shapes of published models, where there is a well-known one of the size.
const std::array<Preset<LlamaConfig>, 10>& presets() {
  static const RopeConfig kLlama31{"llama3", 500000, 8, 1, 4, 8192};
  static const RopeConfig kLlama32{"llama3", 500000, 32, 1, 4, 8192};
  static const std::array<Preset<LlamaConfig>, 10> kPresets = {{
      // For processors: bytes as tokens.
      {"llama-tiny", {256, 256, 688, 4, 4, 2, 64, kPositions}},
      {"25m", {256, 512, 1536, 8, 8, 4, 64, kPositions}},
      // SmolLM2-135M.
      {"0.1b", {49152, 576, 1536, 30, 9, 3, 64, 8192, 1e-5, 0.02, true, {"default", 100000}}},
      {"0.5b", {32000, 1280, 3456, 24, 20, 4, 64, kPositions}},
      // TinyLlama-1.1B.
      {"1b", {32000, 2048, 5632, 22, 32, 4, 64, kPositions}},
      // Llama-3.2-3B.
      {"3b", {128256, 3072, 8192, 28, 24, 8, 128, 131072, 1e-5, 0.02, true, kLlama32}},
      // Llama-2-7B.
      {"7b", {32000, 4096, 11008, 32, 32, 32, 128, kPositions}},
      // Llama-3.1-8B.
      {"8b", {128256, 4096, 14336, 32, 32, 8, 128, 131072, 1e-5, 0.02, false, kLlama31}},
      // Llama-2-13B.
      {"13b", {32000, 5120, 13824, 40, 40, 40, 128, kPositions}},
      // Llama-3.1-70B.
      {"70b", {128256, 8192, 28672, 80, 64, 8, 128, 131072, 1e-5, 0.02, false, kLlama31}},
  }};
  return kPresets;
}

// Weights of a layer that are multiplied with.
long layer_matrices(const LlamaConfig& config) {
  const long queries = config.heads * config.head_width;
  const long keys = config.kv_heads * config.head_width;
  return config.width * (2 * queries + 2 * keys + 3 * config.mlp_width);
}

}  // namespace

LlamaConfig llama_preset(std::string_view name) { return preset_named(presets(), name); }

std::vector<std::string_view> llama_presets() { return names_of(presets()); }

long parameters(const LlamaConfig& config) {
  const long words = config.vocabulary * config.width;
  const long norms = (2 * config.layers + 1) * config.width;
  return config.layers * layer_matrices(config) + norms + (config.tied ? 1 : 2) * words;
}

TokenFlops flops_per_token(const LlamaConfig& config, long sequence) {
  const double weights = 6 * static_cast<double>(config.layers * layer_matrices(config) +
                                                 config.vocabulary * config.width);
  const double pairs =
      static_cast<double>(config.layers * config.heads * config.head_width * sequence);
  return {weights + 6 * pairs, weights + 12 * pairs, weights};
}

}  // namespace tutti::train
