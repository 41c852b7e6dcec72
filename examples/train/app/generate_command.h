// tutti-train generate: text from a checkpoint or from a model's folder.
//
// Tested by train_command_test.py.

#pragma once

#include "train/app/run_config.h"
#include "train/group.h"

namespace tutti::train {

/// On one rank. Does not return after a failure (launch.h).
void generate_text(const RunConfig& config, Communicator world);

}  // namespace tutti::train
