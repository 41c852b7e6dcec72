// What a run will take, from the table of tensors and the settings alone: parameters, memory,
// FLOPs, bytes of communication. For a model that is too large for this machine, too.
//
// Bytes of communication are those that a rank gives to calls (Traffic::bytes), exactly; in bf16
// but for a few sums of fp32 that layers exchange, which are counted as bf16. Memory is what the
// trainer allocates; what its groups touch of windows, and what a process takes without a model,
// are beside it.
//
// Tested by train_estimate_test.cc, which counts both in real runs.

#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "train/model_family.h"
#include "train/trainer.h"

namespace tutti::train {

/// Bytes.
struct MemoryEstimate {
  double weights = 0;
  double gradients = 0;
  double optimizer = 0;
  double activations = 0;    // kept between forward and backward
  double workspace = 0;      // of one layer at a time
  double communication = 0;  // gathered weights, gradients on their way, messages

  double sum() const {
    return weights + gradients + optimizer + activations + workspace + communication;
  }
};

/// Bytes a step, as in StepTraffic.
struct VolumeEstimate {
  double tensor = 0;
  double context = 0;
  double pipeline = 0;
  double data = 0;
  double rest = 0;

  double sum() const { return tensor + context + pipeline + data + rest; }
};

/// How a run is laid out; `element`: bytes of a number of weights and activations.
struct Plan {
  const ModelSettings& model;
  const TrainSettings& settings;
  Mesh mesh;
  int element = 4;
  int cores = 0;  // of a host, for its ranks; 0: each has one of its own

  /// Bytes of gradients of weights, moments and masters (Precise, element.h).
  int precise() const { return std::max(element, 4); }
};

/// REQUIRES: objection() of settings, model and mesh is "".
MemoryEstimate estimate_memory(const Plan& plan, const Place& place);
VolumeEstimate estimate_volume(const Plan& plan, const Place& place);
/// Bytes of windows (tutti/tuning.h) that the rank's groups touch, as if all ranks were on a host.
double estimate_windows(const Plan& plan, const Place& place);
/// Of a process that has no model, its libraries and what they allocate: the planner's figure.
double process_bytes();
/// Numbers that this rank has of the model, without padding.
long parameters_at(const Plan& plan, const Place& place);

/// Micro-batches of a step on each rank.
int micro_batches(const Plan& plan);
long tokens_of_step(const Plan& plan);

/// For people: a table with a line for each rank of a pipeline.
std::string describe(const Plan& plan, const std::string& name);

}  // namespace tutti::train
