// tutti-train llama, tutti-train mamba: a training run from its configuration to its last
// checkpoint.
//
// Tested by train_command_test.py.

#pragma once

#include "train/app/run_config.h"
#include "train/group.h"

namespace tutti::train {

/// On one rank. Does not return after a failure (launch.h).
void train(const RunConfig& config, Communicator world);

}  // namespace tutti::train
