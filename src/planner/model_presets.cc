// Models known by name: shapes of published models, from their config.json.
// Tested by planner_model_test.cc.

#include "tutti/planner.h"

namespace tutti::planner {
namespace {

struct Llama {
  const char* name;
  long vocabulary, width, mlp_width;
  int layers;
  long heads, kv_heads, head_width;
  bool tied = false;
};

constexpr Llama kLlamas[] = {
    // As tutti-train has them: bytes as tokens, for processors.
    {"llama-tiny", 256, 256, 688, 4, 4, 2, 64},
    {"llama-25m", 256, 512, 1536, 8, 8, 4, 64},
    {"smollm2-135m", 49152, 576, 1536, 30, 9, 3, 64, true},
    {"tinyllama-1.1b", 32000, 2048, 5632, 22, 32, 4, 64},
    // Touvron et al., 2023: LLaMA and Llama 2.
    {"llama-7b", 32000, 4096, 11008, 32, 32, 32, 128},
    {"llama-13b", 32000, 5120, 13824, 40, 40, 40, 128},
    {"llama-30b", 32000, 6656, 17920, 60, 52, 52, 128},
    {"llama-65b", 32000, 8192, 22016, 80, 64, 64, 128},
    {"llama2-7b", 32000, 4096, 11008, 32, 32, 32, 128},
    {"llama2-13b", 32000, 5120, 13824, 40, 40, 40, 128},
    {"llama2-70b", 32000, 8192, 28672, 80, 64, 8, 128},
    // Grattafiori et al., 2024: Llama 3.
    {"llama3-1b", 128256, 2048, 8192, 16, 32, 8, 64, true},
    {"llama3-3b", 128256, 3072, 8192, 28, 24, 8, 128, true},
    {"llama3-8b", 128256, 4096, 14336, 32, 32, 8, 128},
    {"llama3-70b", 128256, 8192, 28672, 80, 64, 8, 128},
    {"llama3-405b", 128256, 16384, 53248, 126, 128, 8, 128},
    // nanotron's scaling benchmarks (scripts/scaling_benchmarks.py), measured in the Ultra-Scale
    // Playbook.
    {"nanotron-1b", 131072, 2048, 8192, 16, 32, 32, 64, true},
    {"nanotron-3b", 131072, 3072, 8192, 28, 32, 32, 96, true},
    {"nanotron-8b", 131072, 4096, 14336, 32, 32, 32, 128},
    {"nanotron-80b", 131072, 8192, 28672, 80, 64, 64, 128},
};

struct Mamba {
  const char* name;
  long width;
  int layers;
};

// Gu and Dao, 2023; vocabulary 50277, padded to a multiple of 8.
constexpr Mamba kMambas[] = {
    {"mamba-130m", 768, 24},  {"mamba-370m", 1024, 48}, {"mamba-790m", 1536, 48},
    {"mamba-1.4b", 2048, 48}, {"mamba-2.8b", 2560, 64},
};
// Dao and Gu, 2024; padded to a multiple of 16.
constexpr Mamba kMamba2s[] = {
    {"mamba2-130m", 768, 24},  {"mamba2-370m", 1024, 48}, {"mamba2-780m", 1536, 48},
    {"mamba2-1.3b", 2048, 48}, {"mamba2-2.7b", 2560, 64},
};

ModelShape shape_of(const Llama& llama) {
  return {.name = llama.name,
          .vocabulary = llama.vocabulary,
          .width = llama.width,
          .tied = llama.tied,
          .runs = {{.layers = llama.layers,
                    .mlp_width = llama.mlp_width,
                    .heads = llama.heads,
                    .kv_heads = llama.kv_heads,
                    .head_width = llama.head_width}}};
}

ModelShape mamba1_of(const Mamba& mamba) {
  return {.name = mamba.name,
          .vocabulary = 50280,
          .width = mamba.width,
          .tied = true,
          .runs = {{.layers = mamba.layers,
                    .mixer = Mixer::kMamba1,
                    .inner = 2 * mamba.width,
                    .state = 16,
                    .conv = 4,
                    .dt_rank = (mamba.width + 15) / 16}}};
}

LayerRun mamba2_layers(int layers, long width) {
  return {.layers = layers,
          .mixer = Mixer::kMamba2,
          .heads = 2 * width / 64,
          .head_width = 64,
          .inner = 2 * width,
          .state = 128,
          .groups = 1,
          .conv = 4,
          .chunk = 256};
}

ModelShape mamba2_of(const Mamba& mamba) {
  return {.name = mamba.name,
          .vocabulary = 50288,
          .width = mamba.width,
          .tied = true,
          .runs = {mamba2_layers(mamba.layers, mamba.width)}};
}

// Layers 9, 18, 27, 36, 45 and 56 of 64 are attention (state-spaces/mamba2attn-2.7b).
ModelShape mamba2_attention() {
  ModelShape model = mamba2_of({"mamba2attn-2.7b", 2560, 64});
  model.runs.clear();
  const LayerRun attention{.layers = 1, .heads = 30, .kv_heads = 30, .head_width = 128};
  for (const int before : {9, 8, 8, 8, 8, 10}) {
    model.runs.push_back(mamba2_layers(before, model.width));
    model.runs.push_back(attention);
  }
  model.runs.push_back(mamba2_layers(7, model.width));
  return model;
}

std::vector<ModelShape> presets() {
  std::vector<ModelShape> all;
  for (const Llama& llama : kLlamas) all.push_back(shape_of(llama));
  for (const Mamba& mamba : kMambas) all.push_back(mamba1_of(mamba));
  for (const Mamba& mamba : kMamba2s) all.push_back(mamba2_of(mamba));
  all.push_back(mamba2_attention());
  return all;
}

}  // namespace

Result<ModelShape> model_preset(std::string_view name) {
  std::string known;
  for (const ModelShape& model : presets()) {
    if (model.name == name) return model;
    known += (known.empty() ? "" : ", ") + model.name;
  }
  return {Code::kInvalidArgument,
          "model \"" + std::string(name) + "\" is not known; expected one of " + known};
}

std::vector<std::string> model_presets() {
  std::vector<std::string> names;
  for (const ModelShape& model : presets()) names.push_back(model.name);
  return names;
}

}  // namespace tutti::planner
