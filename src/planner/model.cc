// Models: what follows from their numbers. Tested by planner_model_test.cc.

#include <algorithm>

#include "planner/layer.h"
#include "tutti/planner.h"

namespace tutti::planner {

std::string_view name(Mixer mixer) {
  switch (mixer) {
    case Mixer::kAttention:
      return "attention";
    case Mixer::kMamba1:
      return "mamba-1";
    case Mixer::kMamba2:
      return "mamba-2";
  }
  return "";
}

int ModelShape::layers() const {
  int sum = 0;
  for (const LayerRun& run : runs) sum += run.layers;
  return sum;
}

long parameters(const ModelShape& model) {
  double sum = static_cast<double>(model.vocabulary * model.width * (model.tied ? 1 : 2));
  for (const LayerRun& run : model.runs) sum += run.layers * layer_parameters(model, run, 1);
  return static_cast<long>(sum) + model.width;  // and the last norm
}

TokenFlops flops_per_token(const ModelShape& model, long sequence) {
  double weights = static_cast<double>(model.vocabulary * model.width);
  double pairs = 0;
  double scans = 0;
  for (const LayerRun& run : model.runs) {
    weights += run.layers * multiplied_parameters(model, run);
    if (run.mixer == Mixer::kAttention) {
      pairs += static_cast<double>(run.layers * run.heads * run.head_width * sequence);
    } else {
      scans += static_cast<double>(run.layers * run.inner * run.state);
    }
  }
  // A scan: 7 a token, channel and state, as Megatron-LM counts (training.py).
  const double rest = 6 * weights + 3 * 7 * scans;
  return {rest + 6 * pairs, rest + 12 * pairs};
}

}  // namespace tutti::planner
