// Mamba-1, Mamba-2, and Mamba-2 with attention in some layers: stages of a pipeline made of the
// mixers of mamba1.h and mamba2.h, and attention.h.
//
// Under context parallelism ranks have neighbouring tokens, and states pass from one to the next
// (state_passing.h). Tested by train_mamba_test.cc (differences of the loss),
// train_mamba_equal_test.cc (every mesh) and torch_test.py.

#pragma once

#include "train/attention.h"
#include "train/compute_settings.h"
#include "train/language_shape.h"
#include "train/mamba2_scan.h"
#include "train/mamba_config.h"

namespace tutti::train {

struct MambaSettings : ComputeSettings {
  MambaConfig config;
  ScanKind scan = ScanKind::kShards;  // of Mamba-2
};

LanguageShape shape_of(const MambaConfig& config);
/// Of a hybrid.
AttentionSettings attention_of(const MambaSettings& settings);

class Mamba final : public Model {
 public:
  explicit Mamba(const MambaSettings& settings) : settings_(settings) {}

  const MambaSettings& settings() const { return settings_; }

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
  const MambaSettings settings_;
};

}  // namespace tutti::train
