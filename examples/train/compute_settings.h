// How a model is computed, of whatever family.

#pragma once

#include "train/context_parallel.h"
#include "train/sublayer.h"

namespace tutti::train {

struct ComputeSettings {
  long sequences = 1;  // of a micro-batch
  long sequence = 64;  // tokens of each, on all ranks of the context group together
  bool sequence_parallel = true;
  ContextKind context = ContextKind::kRing;  // of attention
  Recompute recompute = Recompute::kNone;
};

}  // namespace tutti::train
