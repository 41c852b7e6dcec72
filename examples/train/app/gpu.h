// Ranks on GPUs: which one is a rank's, and a communicator whose calls take memory of it.
//
// Tested by train_device_cuda_test.cc.

#pragma once

#include <memory>

#include "train/device/accelerator.h"
#include "train/group.h"

namespace tutti::train {

/// The ranks of a host take its GPUs in turn, and begin anew where there are more ranks.
int gpu_of_rank(const Formation& formation, int rank, int gpus);

/// The same ranks once more, with calls on the device of that number (-1: none), which may differ
/// between ranks; the rest of the settings as the environment says. Collective.
Communicator with_device(Group& world, int device);

struct RankOnGpu {
  std::unique_ptr<Accelerator> accelerator;
  Communicator world;  // must not outlive the accelerator
};
/// Opens this rank's GPU. Failure on all ranks, with the rank and what it misses, where one cannot.
/// Collective.
RankOnGpu to_gpu(Group& world);

}  // namespace tutti::train
