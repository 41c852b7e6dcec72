#include "train/mamba_config.h"

#include <algorithm>
#include <array>

#include "train/presets.h"

namespace tutti::train {
namespace {

MambaConfig mamba1(long vocabulary, long layers, long width) {
  MambaConfig config;
  config.family = MambaFamily::kMamba1;
  config.vocabulary = vocabulary;
  config.layers = layers;
  config.width = width;
  config.step_rank = (width + 15) / 16;
  return config;
}

MambaConfig mamba2(long vocabulary, long layers, long width, long states) {
  MambaConfig config;
  config.vocabulary = vocabulary;
  config.layers = layers;
  config.width = width;
  config.states = states;
  return config;
}

MambaConfig hybrid(MambaConfig config, MambaAttention attention) {
  config.attention = std::move(attention);
  return config;
}

constexpr long kWords1 = 50280;  // those of GPT-NeoX, and padding
constexpr long kWords2 = 50288;
constexpr long kStates2 = 128;

// Those with a number of parameters that is published are state-spaces's; the others, which have
// bytes as tokens, are for processors.
const std::array<Preset<MambaConfig>, 14>& presets() {
  static const std::array<Preset<MambaConfig>, 14> kPresets = {{
      {"mamba-tiny", mamba1(256, 4, 256)},
      {"mamba2-tiny", mamba2(256, 4, 256, 64)},
      {"hybrid-tiny", hybrid(mamba2(256, 4, 256, 64), {{2}, 4, 2, 64})},
      {"mamba2-25m", mamba2(256, 14, 512, kStates2)},
      {"mamba-130m", mamba1(kWords1, 24, 768)},
      {"mamba-370m", mamba1(kWords1, 48, 1024)},
      {"mamba-790m", mamba1(kWords1, 48, 1536)},
      {"mamba-1.4b", mamba1(kWords1, 48, 2048)},
      {"mamba-2.8b", mamba1(kWords1, 64, 2560)},
      {"mamba2-130m", mamba2(kWords2, 24, 768, kStates2)},
      {"mamba2-370m", mamba2(kWords2, 48, 1024, kStates2)},
      {"mamba2-780m", mamba2(kWords2, 48, 1536, kStates2)},
      {"mamba2-1.3b", mamba2(kWords2, 48, 2048, kStates2)},
      {"mamba2-2.7b", mamba2(kWords2, 64, 2560, kStates2)},
  }};
  return kPresets;
}

// Weights of a layer that are multiplied with; and the others.
struct LayerSize {
  long matrices = 0;
  long others = 0;
};

LayerSize mamba1_size(const MambaConfig& config) {
  const long inner = config.inner_width();
  const long taps = config.taps + (config.convolution_bias ? 1 : 0);
  return {inner * (3 * config.width + 2 * config.step_rank + 2 * config.states),
          inner * (taps + config.states + 2) + config.width};  // 2: D, the bias of time steps
}

LayerSize mamba2_size(const MambaConfig& config) {
  const long inner = config.inner_width();
  const long convolved = inner + 2 * config.matrix_width();
  const long taps = config.taps + (config.convolution_bias ? 1 : 0);
  return {config.width * (inner + convolved + config.heads() + inner),
          convolved * taps + 3 * config.heads() + inner + config.width};
}

LayerSize attention_size(const MambaConfig& config) {
  const MambaAttention& attention = config.attention;
  return {config.width * 2 * (attention.heads + attention.kv_heads) * attention.head_width,
          config.width};
}

long attention_layers(const MambaConfig& config) {
  return static_cast<long>(config.attention.layers.size());
}

LayerSize all_layers(const MambaConfig& config) {
  const LayerSize scan = config.is_mamba1() ? mamba1_size(config) : mamba2_size(config);
  const LayerSize attention = attention_size(config);
  const long scans = config.layers - attention_layers(config);
  return {scans * scan.matrices + attention_layers(config) * attention.matrices,
          scans * scan.others + attention_layers(config) * attention.others};
}

// Of one layer, forward.
TokenFlops scan_flops(const MambaConfig& config, long sequence) {
  const auto inner = static_cast<double>(config.inner_width());
  const auto states = static_cast<double>(config.states);
  if (config.is_mamba1()) {
    const double flops = inner * (9 * states + 2 * static_cast<double>(config.taps));
    return {.causal = flops, .full = flops};
  }
  const auto chunk = static_cast<double>(std::min(config.chunk, sequence));
  const double inside = chunk * (static_cast<double>(config.matrix_width()) + inner);
  return {.causal = inside + 4 * inner * states, .full = 2 * inside + 4 * inner * states};
}

}  // namespace

bool MambaConfig::is_attention(int layer) const {
  return std::binary_search(attention.layers.begin(), attention.layers.end(), layer);
}

MambaConfig mamba_preset(std::string_view name) { return preset_named(presets(), name); }

std::vector<std::string_view> mamba_presets() { return names_of(presets()); }

long parameters(const MambaConfig& config) {
  const LayerSize layers = all_layers(config);
  const long words = config.vocabulary * config.width;
  return layers.matrices + layers.others + config.width + (config.tied ? 1 : 2) * words;
}

TokenFlops flops_per_token(const MambaConfig& config, long sequence) {
  const double weights =
      6 * static_cast<double>(all_layers(config).matrices + config.vocabulary * config.width);
  const TokenFlops scan = scan_flops(config, sequence);
  const auto scans = 3 * static_cast<double>(config.layers - attention_layers(config));
  const MambaAttention& attention = config.attention;
  const auto pairs = static_cast<double>(attention_layers(config) * attention.heads *
                                         attention.head_width * sequence);
  return {weights + scans * scan.causal + 6 * pairs, weights + scans * scan.full + 12 * pairs,
          weights, scans * scan.causal};
}

}  // namespace tutti::train
