// From the texts of a configuration to the settings of model and trainer, and why they do not fit.
//
// Tested by train_config_test.cc.

#pragma once

#include "train/app/run_config.h"
#include "train/llama.h"
#include "train/trainer.h"

namespace tutti::train {

struct Setup {
  Mesh mesh;
  LlamaSettings model;
  TrainSettings training;
};

/// What the configuration says for that many ranks. Fails with a sentence that says what would fit.
/// Reads config.json where the model is a folder.
Setup make_setup(const RunConfig& config, int ranks);

/// Of a model's folder, or a name that is known.
LlamaConfig read_model(const std::string& name);

/// How many ranks the mesh names; what is left open counts as 1.
int ranks_named(const std::string& mesh);

}  // namespace tutti::train
