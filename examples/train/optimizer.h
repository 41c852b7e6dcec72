// AdamW on shards of the weights, with a learning rate that changes.
//
// Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019. Tested by
// train_optimizer_test.cc.

#pragma once

#include <string>
#include <vector>

#include "train/data_parallel.h"

namespace tutti::train {

struct AdamSettings {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  // of tensors that decay
  double clip_norm = 1.0;     // 0: gradients are not clipped
};

/// What gradients are multiplied with, so that their norm is not above the limit.
double clip_factor(const AdamSettings& settings, double norm);

/// The learning rate over a run. Steps count from 0.
struct RateSchedule {
  enum class Kind { kConstant, kLinear, kCosine, kWarmupStableDecay };
  Kind kind = Kind::kCosine;
  double most = 3e-4;
  double least = 3e-5;
  long warmup = 100;
  long steps = 1000;
  double decay_share = 0.2;  // kWarmupStableDecay: of the steps, at the end

  double at(long step) const;
};

template <class T>
class AdamW {
 public:
  AdamW(DataParallel<T>& units, const AdamSettings& settings);

  /// Updates this rank's shards. Gradients are multiplied with `factor` first (clipping).
  void step(double rate, double factor);

  long steps() const { return steps_; }
  void set_steps(long steps) { steps_ = steps; }
  /// Moments, in the order of the shards' elements; for checkpoints.
  Array<Precise<T>>& first_moments() { return first_; }
  Array<Precise<T>>& second_moments() { return second_; }

 private:
  DataParallel<T>& units_;
  const AdamSettings settings_;
  Array<Precise<T>> first_;
  Array<Precise<T>> second_;
  long steps_ = 0;
};

}  // namespace tutti::train
