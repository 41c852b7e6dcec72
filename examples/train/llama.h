// LLaMA, forward and backward, with every collective in sight: llama.cc is meant to be read from
// top to bottom.
//
// Tested by train_llama_test.cc (differences of the loss), train_mesh_equal_test (every mesh) and
// torch_test.py.

#pragma once

#include "train/attention.h"
#include "train/compute_settings.h"
#include "train/group.h"
#include "train/language_shape.h"
#include "train/llama_config.h"
#include "train/model.h"
#include "train/units.h"

namespace tutti::train {

struct LlamaSettings : ComputeSettings {
  LlamaConfig config;
};

LanguageShape shape_of(const LlamaConfig& config);
AttentionSettings attention_of(const LlamaSettings& settings);

class Llama final : public Model {
 public:
  explicit Llama(const LlamaSettings& settings) : settings_(settings) {}

  const LlamaSettings& settings() const { return settings_; }

  int layers() const override { return static_cast<int>(settings_.config.layers); }
  long vocabulary() const override { return settings_.config.vocabulary; }
  long sequences() const override { return settings_.sequences; }
  long sequence() const override { return settings_.sequence; }

  std::string objection(const Mesh& mesh) const override;
  std::vector<TensorRow> tensors(StageLayers layers, const Mesh& mesh) const override;
  std::vector<std::int32_t> share(const std::vector<std::int32_t>& sequence,
                                  const Groups& groups) const override;
  std::unique_ptr<Stage<float>> make_stage(StageLayers layers, Groups& groups,
                                           Units<float>& units) const override;
  std::unique_ptr<Stage<double>> make_stage(StageLayers layers, Groups& groups,
                                            Units<double>& units) const override;
  std::unique_ptr<Stage<OnDevice<float>>> make_stage(StageLayers layers, Groups& groups,
                                                     Units<OnDevice<float>>& units) const override;
  std::unique_ptr<Stage<OnDevice<Bf16>>> make_stage(StageLayers layers, Groups& groups,
                                                    Units<OnDevice<Bf16>>& units) const override;

 private:
  const LlamaSettings settings_;
};

}  // namespace tutti::train
