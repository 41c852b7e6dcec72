// From the texts of a configuration to the settings of model and trainer, and why they do not fit.
//
// Tested by train_config_test.cc.

#pragma once

#include "train/app/run_config.h"
#include "train/model_family.h"
#include "train/trainer.h"

namespace tutti::train {

struct Setup {
  Mesh mesh;
  ModelSettings model;
  TrainSettings training;
};

/// What the configuration says for that many ranks. Fails with a sentence that says what would fit.
/// Reads config.json where the model is a folder.
Setup make_setup(const RunConfig& config, int ranks);

/// Fails if a text of `length` tokens, of them `tokens` new ones, is longer than the model's
/// positions.
void check_length(long tokens, long length, const ModelConfig& model);

/// How many ranks the mesh names; what is left open counts as 1.
int ranks_named(const std::string& mesh);

}  // namespace tutti::train
