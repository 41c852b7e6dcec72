// What a training checkpoint is: a folder with the tensors of every rank, and a manifest.
//
//   FOLDER/step-000001000/              the folder has this name only when all of it is there
//     config.json …                     texts that the run gives
//     model-00002-of-00008.safetensors      weights of rank 1: names as in Hugging Face's models,
//     optimizer-00002-of-00008.safetensors  slices of them (tensor_store.h); and their moments
//     manifest.json                     the rest: see Manifest
//     COMPLETE                          written last; the manifest's checksum
//   FOLDER/step-000002000.partial/      being written, being removed, or left by a run that ended
//
// Tested by train_checkpoint_test.cc.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "train/checkpoint/element.h"
#include "train/mesh.h"

namespace tutti::train {

struct FileRecord {
  std::string name;  // in the folder
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;

  bool operator==(const FileRecord&) const = default;
};

struct Manifest {
  long step = 0;              // of the optimizer, that were done
  std::uint64_t seed = 0;     //
  std::uint64_t samples = 0;  // that were used: the number of the next
  Mesh mesh;                  // that it was saved on
  std::string settings;       // whatever the run wants to recognise them by
  std::vector<FileRecord> files;

  bool operator==(const Manifest&) const = default;
};

/// Ranks count from 0 here and from 1 in names, as in Hugging Face's. One rank:
/// "model.safetensors".
std::string model_file(int rank, int ranks);
std::string optimizer_file(int rank, int ranks);

inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kCompleteFile = "COMPLETE";

/// "step-000001000"; what a checkpoint's name says, if it is one's.
std::string step_name(long step);
std::optional<long> step_named(const std::string& name);

std::string to_json(const Manifest& manifest);
/// Of a checkpoint's folder. Fails where it is incomplete or damaged.
Manifest read_manifest(const std::string& folder);

/// Steps of which there are complete checkpoints, in order; none where there is no folder.
std::vector<long> complete_steps(const std::string& folder);
/// What unfinished savings and removals have left: folders' names.
std::vector<std::string> leftovers(const std::string& folder);

}  // namespace tutti::train
