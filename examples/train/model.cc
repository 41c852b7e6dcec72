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

}  // namespace tutti::train
