// Reads models and checkpoints into the shards of a rank, whatever mesh they were saved on: each
// rank reads the parts that it has.
//
// Tested by train_checkpoint_test.cc and train_resume_test.cc.

#pragma once

#include <optional>
#include <string>

#include "train/checkpoint/manifest.h"
#include "train/checkpoint/state.h"
#include "train/checkpoint/tensor_store.h"

namespace tutti::train {

struct Checkpoint {
  std::string folder;
  Manifest manifest;
};

/// `path`: a checkpoint, or a folder of them, whose latest is meant. Fails where there is none that
/// is complete.
Checkpoint open_checkpoint(const std::string& path);

/// Fails on all ranks if a file of the checkpoint is missing or is not what was written. Each rank
/// reads its share of the files. Collective.
void check_files(const Checkpoint& checkpoint, Group& world);

/// The weights in a folder: a model of Hugging Face's layout, a checkpoint, or the latest of a
/// folder of checkpoints.
TensorStore open_weights(const std::string& path);

/// Sets the weights of the shards; padding becomes 0. With a DataParallel, share_weights() comes
/// after it. Fails where a tensor is missing or has another shape.
template <class T>
void load_weights(const TensorStore& store, const RankState<T>& state);

/// Weights and moments.
template <class T>
void load(const Checkpoint& checkpoint, const RankState<T>& state);

}  // namespace tutti::train
