#include "train/model.h"

namespace tutti::train {

std::vector<StageLayers> split_layers(int layers, int stages) {
  std::vector<StageLayers> split;
  int first = 0;
  for (int stage = 0; stage < stages; ++stage) {
    const int end = first + layers / stages + (stage < layers % stages ? 1 : 0);
    split.push_back({first, end});
    first = end;
  }
  return split;
}

std::unique_ptr<Stage<OnDevice<float>>> Model::make_stage(StageLayers, Groups&,
                                                          Units<OnDevice<float>>&) const {
  throw Failure("this model is not computed on devices");
}
std::unique_ptr<Stage<OnDevice<Bf16>>> Model::make_stage(StageLayers, Groups&,
                                                         Units<OnDevice<Bf16>>&) const {
  throw Failure("this model is not computed on devices");
}

}  // namespace tutti::train
