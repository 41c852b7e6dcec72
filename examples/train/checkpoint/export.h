// Writes a model as Hugging Face keeps them: config.json, and model.safetensors or shards of it
// with an index. transformers loads the folder.
//
// Tested by train_checkpoint_test.cc and torch_test.py.

#pragma once

#include <cstdint>
#include <string>

#include "train/checkpoint/tensor_store.h"

namespace tutti::train {

struct ExportSettings {
  std::string folder;  // which must not be there; it has this name when all is in it
  std::string config;  // the text of config.json
  Element element = Element::kF32;
  std::uint64_t shard_bytes = 5'000'000'000;  // at most, of tensors in a file
};

/// One tensor is in memory at a time. By one process.
void export_model(const TensorStore& weights, const ExportSettings& settings, Disk& disk);

}  // namespace tutti::train
