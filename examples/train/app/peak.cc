#include "train/app/peak.h"

#include <utility>

namespace tutti::train {

// Data sheets: A100 (2021), H100 (2023), H200 (2024), B200 (2025); with sparsity they say twice as
// much. The first name that is a part of the GPU's counts.
std::optional<double> published_peak(const std::string& gpu) {
  constexpr std::pair<const char*, double> kPeaks[] = {
      {"H100 PCIe", 756e12}, {"H100 NVL", 835.5e12}, {"H100", 989.5e12}, {"H200", 989.5e12},
      {"GH200", 989.5e12},   {"A100", 312e12},       {"B200", 2250e12}};
  for (const auto& [name, flops] : kPeaks) {
    if (gpu.find(name) != gpu.npos) return flops;
  }
  return std::nullopt;
}

}  // namespace tutti::train
