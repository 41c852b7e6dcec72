// What MFU refers to: FLOP/s that a rank could do in products of matrices, and who says so.
//
// Tested by train_step_log_test.cc.

#pragma once

#include <optional>
#include <string>

#include "train/app/meters.h"
#include "train/app/run_config.h"
#include "train/device/accelerator.h"

namespace tutti::train {

struct Peak {
  double flops = 0;    // a second, of a core or a GPU
  std::string source;  // "989.5 TFLOP/s a GPU, bf16, as NVIDIA says of NVIDIA H200"
};

/// Of dense products in bf16 on a GPU of that name, as NVIDIA's data sheets have it. Nothing for
/// others.
std::optional<double> published_peak(const std::string& gpu);

/// As --peak says, as published, or measured with numbers of type T.
template <class T>
Peak peak_of(const RunConfig& config) {
  const bool is_gpu = config.device == "gpu";
  const std::string unit = is_gpu ? "a GPU" : "a core";
  const auto text = [&](double flops) { return std::to_string(flops * 1e-9) + " GFLOP/s " + unit; };
  if (config.peak > 0) return {1e9 * config.peak, text(1e9 * config.peak) + ", as --peak says"};
  if (const auto known = published_peak(accelerator().name());
      is_gpu && config.precision == "bf16" && known) {
    return {*known, text(*known) + ", as published of " + accelerator().name()};
  }
  const long size = is_gpu ? 8192 : 512;
  return {measure_peak<T>(size), "the " + std::string(is_gpu ? "GPUs" : "cores") +
                                     " of all ranks, product of " + std::to_string(size) + " x " +
                                     std::to_string(size) + " matrices in " + config.precision +
                                     ", measured"};
}

}  // namespace tutti::train
