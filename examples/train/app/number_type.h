// Which numbers a run computes with, as a type: what its settings say, of precision and device.
//
// Tested by train_command_test.py.

#pragma once

#include "train/app/run_config.h"
#include "train/element.h"

namespace tutti::train {

/// Calls work.operator()<T>().
template <class Work>
decltype(auto) with_number_type(const RunConfig& config, Work work) {
  if (config.precision == "bf16") return work.template operator()<OnDevice<Bf16>>();
  if (config.precision == "fp64") return work.template operator()<double>();
  return config.device == "gpu" ? work.template operator()<OnDevice<float>>()
                                : work.template operator()<float>();
}

}  // namespace tutti::train
