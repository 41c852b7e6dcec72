#include "train/checkpoint/load.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "train/checkpoint/agree.h"
#include "train/checkpoint/checksum.h"
#include "train/checkpoint/names.h"
#include "train/checkpoint/slices.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

void check_file(const std::string& folder, const FileRecord& record) {
  const MappedFile file(folder + "/" + record.name);
  if (file.size() != record.bytes) {
    throw Failure(file.path() + ": " + std::to_string(file.size()) + " bytes; expected " +
                  std::to_string(record.bytes) + ", as was written");
  }
  if (const std::uint32_t sum = crc32c(file.bytes()); sum != record.crc32c) {
    throw Failure(file.path() + ": checksum " + std::to_string(sum) + "; expected " +
                  std::to_string(record.crc32c) + ", as was written: the file is damaged");
  }
}

// The checkpoint's files of tensors of a kind.
TensorStore tensors_of(const Checkpoint& checkpoint, std::string_view kind) {
  std::vector<std::string> files;
  for (const FileRecord& file : checkpoint.manifest.files) {
    if (file.name.starts_with(kind) && file.name.ends_with(".safetensors")) {
      files.push_back(checkpoint.folder + "/" + file.name);
    }
  }
  return TensorStore(files);
}

// One of the three arrays of a shard: element `begin` of the layout is values[0].
template <class T, class Name>
void load_array(const TensorStore& store, const Layout& layout, const Shard& shard, T* values,
                Name name) {
  std::fill_n(values, shard.size(), T{0});
  for (const Slice& slice : slices_of(layout, shard)) {
    const InFiles& file = layout.tensors[slice.tensor].file;
    store.read(name(file.name), file.shape, part_in_file(layout, slice),
               values + (slice.offset - shard.begin));
  }
}

}  // namespace

Checkpoint open_checkpoint(const std::string& path) {
  if (!step_named(std::filesystem::path(path).filename().string())) {
    const std::vector<long> steps = complete_steps(path);
    if (!steps.empty()) {
      const std::string folder = path + "/" + step_name(steps.back());
      return {folder, read_manifest(folder)};
    }
  }
  return {path, read_manifest(path)};
}

void check_files(const Checkpoint& checkpoint, Group& world) {
  const std::vector<FileRecord>& files = checkpoint.manifest.files;
  agree_after(world, [&] {
    for (auto i = static_cast<std::size_t>(world.rank()); i < files.size(); i += world.ranks()) {
      check_file(checkpoint.folder, files[i]);
    }
  });
}

TensorStore open_weights(const std::string& path) {
  const bool checkpoint = ::access((path + "/" + kManifestFile).c_str(), F_OK) == 0;
  if (checkpoint || !complete_steps(path).empty()) {
    return tensors_of(open_checkpoint(path), "model");
  }
  return TensorStore::of_model(path);
}

template <class T>
void load_weights(const TensorStore& store, const RankState<T>& state) {
  for (const ShardState<T>& shard : state.shards) {
    load_array(store, *state.layout, shard.shard, shard.weights,
               [](const std::string& name) { return name; });
  }
}
template void load_weights(const TensorStore&, const RankState<float>&);
template void load_weights(const TensorStore&, const RankState<double>&);

template <class T>
void load(const Checkpoint& checkpoint, const RankState<T>& state) {
  load_weights(tensors_of(checkpoint, "model"), state);
  const TensorStore moments = tensors_of(checkpoint, "optimizer");
  for (const ShardState<T>& shard : state.shards) {
    load_array(moments, *state.layout, shard.shard, shard.first_moments, first_moment);
    load_array(moments, *state.layout, shard.shard, shard.second_moments, second_moment);
  }
}
template void load(const Checkpoint&, const RankState<float>&);
template void load(const Checkpoint&, const RankState<double>&);

}  // namespace tutti::train
