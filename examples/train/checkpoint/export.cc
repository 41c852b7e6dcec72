#include "train/checkpoint/export.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "train/checkpoint/manifest.h"
#include "train/checkpoint/tensor_file.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

using Shard = std::vector<StoredTensor>;

std::vector<Shard> share_out(const TensorStore& weights, const ExportSettings& settings) {
  std::vector<Shard> shards(1);
  std::uint64_t bytes = 0;
  for (const std::string& name : weights.names()) {
    StoredTensor tensor{name, settings.element, weights.shape(name)};
    std::uint64_t size = static_cast<std::uint64_t>(bytes_of(tensor.element));
    for (const long extent : tensor.shape) size *= static_cast<std::uint64_t>(extent);
    if (bytes > 0 && bytes + size > settings.shard_bytes) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().push_back(std::move(tensor));
    bytes += size;
  }
  return shards;
}

// Through T, which has the bits of what is stored.
template <class T>
std::vector<std::byte> converted(const TensorStore& weights, const StoredTensor& tensor) {
  const Part whole = whole_part(tensor.shape);
  std::vector<T> values(static_cast<std::size_t>(whole.size()));
  weights.read(tensor.name, tensor.shape, whole, values.data());
  std::vector<std::byte> bytes(tensor.end - tensor.begin);
  encode(tensor.element, std::span<const T>(values), std::span(bytes));
  return bytes;
}

void write_shard(const TensorStore& weights, Shard shard, const std::string& folder,
                 const std::string& name, Disk& disk) {
  SummedFile file(disk, folder, name);
  const std::string header = safetensors_header(shard, {{"format", "pt"}});
  file.append(std::as_bytes(std::span(header)));
  for (const StoredTensor& tensor : shard) {
    const bool wide = weights.element(tensor.name) == Element::kF64;
    file.append(wide ? converted<double>(weights, tensor) : converted<float>(weights, tensor));
  }
  file.finish();
}

std::string index_json(const std::vector<Shard>& shards) {
  std::uint64_t bytes = 0;
  nlohmann::ordered_json map;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    Shard shard = shards[i];
    safetensors_header(shard, {});  // for the sizes
    bytes += shard.empty() ? 0 : shard.back().end;
    for (const StoredTensor& tensor : shard) {
      map[tensor.name] = model_file(static_cast<int>(i), static_cast<int>(shards.size()));
    }
  }
  const nlohmann::ordered_json json = {{"metadata", {{"total_size", bytes}}}, {"weight_map", map}};
  return json.dump(2) + "\n";
}

}  // namespace

void export_model(const TensorStore& weights, const ExportSettings& settings, Disk& disk) {
  if (::access(settings.folder.c_str(), F_OK) == 0) {
    throw Failure(settings.folder + ": is there already; expected a new folder's name");
  }
  const std::string partial = settings.folder + ".partial";
  disk.make_folder(partial);
  const std::vector<Shard> shards = share_out(weights, settings);
  const int count = static_cast<int>(shards.size());
  for (int i = 0; i < count; ++i) {
    write_shard(weights, shards[i], partial, model_file(i, count), disk);
  }
  if (count > 1) write_file(disk, partial + "/model.safetensors.index.json", index_json(shards));
  write_file(disk, partial + "/config.json", settings.config);
  disk.sync_folder(partial);
  disk.rename(partial, settings.folder);
}

}  // namespace tutti::train
