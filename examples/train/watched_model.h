// A model whose stages note on a time line when they compute.
//
// Tested by train_timeline_test.cc.

#pragma once

#include "train/model.h"
#include "train/timeline.h"

namespace tutti::train {

class WatchedModel final : public Model {
 public:
  /// Both must outlive it.
  WatchedModel(const Model& model, Timeline& timeline) : model_(model), timeline_(timeline) {}

  int layers() const override { return model_.layers(); }
  long vocabulary() const override { return model_.vocabulary(); }
  long sequences() const override { return model_.sequences(); }
  long sequence() const override { return model_.sequence(); }
  std::string objection(const Mesh& mesh) const override { return model_.objection(mesh); }
  std::vector<TensorRow> tensors(StageLayers layers, const Mesh& mesh) const override {
    return model_.tensors(layers, mesh);
  }
  std::vector<std::int32_t> share(const std::vector<std::int32_t>& sequence,
                                  const Groups& groups) const override {
    return model_.share(sequence, groups);
  }
  std::unique_ptr<Stage<float>> make_stage(StageLayers layers, Groups& groups,
                                           Units<float>& units) const override;
  std::unique_ptr<Stage<double>> make_stage(StageLayers layers, Groups& groups,
                                            Units<double>& units) const override;
  std::unique_ptr<Stage<OnDevice<float>>> make_stage(StageLayers layers, Groups& groups,
                                                     Units<OnDevice<float>>& units) const override;
  std::unique_ptr<Stage<OnDevice<Bf16>>> make_stage(StageLayers layers, Groups& groups,
                                                    Units<OnDevice<Bf16>>& units) const override;

 private:
  const Model& model_;
  Timeline& timeline_;
};

}  // namespace tutti::train
