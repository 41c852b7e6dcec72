#include "train/checkpoint/tensor_store.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "train/checkpoint/slices.h"
#include "train/failure.h"

namespace tutti::train {
namespace {

using Json = nlohmann::json;

constexpr const char* kWhole = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
// Tensors that share memory, as tied ones do, become copies, which safetensors wants.
constexpr const char* kConversion =
    "python3 -c 'import torch, safetensors.torch as s; s.save_file({n: t.clone().contiguous() for "
    "n, t in torch.load(\"pytorch_model.bin\", map_location=\"cpu\").items()}, "
    "\"model.safetensors\", {\"format\": \"pt\"})'";

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string to_text(const std::vector<long>& shape) { return Json(shape).dump(); }

// The original checkpoints of mamba_ssm differ from Hugging Face's in this name.
std::string hugging_face_name(const std::string& name) {
  return name == "backbone.embedding.weight" ? "backbone.embeddings.weight" : name;
}

bool has_only_pickles(const std::string& folder) {
  return exists(folder + "/pytorch_model.bin") || exists(folder + "/pytorch_model.bin.index.json");
}

// Sizes of 1 after the first do not matter: [channels, 1, K] and [channels, K] are alike.
std::vector<long> without_ones(std::vector<long> shape) {
  if (shape.empty()) return {1};
  shape.erase(std::remove(shape.begin() + 1, shape.end(), 1), shape.end());
  return shape;
}

std::vector<std::string> files_of_index(const std::string& folder) {
  const MappedFile file(folder + "/" + kIndex);
  std::set<std::string> files;
  const Json index = Json::parse(file.text(), nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index.value("weight_map", Json()).is_object()) {
    throw Failure(file.path() + ": expected a JSON object with a weight_map");
  }
  for (const auto& [name, value] : index["weight_map"].items()) {
    if (!value.is_string() || value.get<std::string>().find('/') != std::string::npos) {
      throw Failure(file.path() + ": " + name + " is in " + value.dump() +
                    "; expected the name of a file beside it");
    }
    files.insert(folder + "/" + value.get<std::string>());
  }
  return {files.begin(), files.end()};
}

// What metadata say of a slice.
struct Described {
  std::string tensor;
  std::vector<long> shape;
  std::vector<long> offset;
};

Described read_description(const SafetensorsFile& file, const std::string& key,
                           const std::string& text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    return {json.at("tensor"), json.at("shape"), json.at("offset")};
  } catch (const Json::exception&) {
    throw Failure(file.path() + ": metadata of " + key + " are " + text +
                  "; expected tensor, shape and offset");
  }
}

}  // namespace

Part whole_part(const std::vector<long>& shape) {
  long columns = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) columns *= shape[i];
  return {0, shape.empty() ? 1 : shape[0], 0, columns};
}

std::string SliceName::key() const {
  if (is_whole()) return tensor;
  const auto range = [](long first, long count) {
    return std::to_string(first) + ":" + std::to_string(first + count);
  };
  return tensor + "[" + range(part.first_row, part.rows) + "," +
         range(part.first_column, part.columns) + "]";
}

std::string SliceName::description() const {
  return Json{{"tensor", tensor}, {"shape", whole}, {"offset", {part.first_row, part.first_column}}}
      .dump();
}

std::vector<long> SliceName::shape() const {
  std::vector<long> shape = whole;
  shape.back() = part.columns;
  shape.front() = part.rows;
  return shape;
}

TensorStore::TensorStore(const std::vector<std::string>& files) {
  for (const std::string& path : files) {
    files_.emplace_back(path);
    for (std::size_t i = 0; i < files_.back().tensors().size(); ++i) add(files_.size() - 1, i);
  }
}

TensorStore TensorStore::of_model(const std::string& folder) {
  if (exists(folder + "/" + kIndex)) return TensorStore(files_of_index(folder));
  if (exists(folder + "/" + kWhole)) return TensorStore({folder + "/" + kWhole});
  if (has_only_pickles(folder)) {
    throw Failure(folder + ": has weights in pytorch_model.bin only; expected " + kWhole +
                  ", which PyTorch and safetensors make of it there: " + kConversion);
  }
  throw Failure(folder + ": expected " + kWhole + " or " + kIndex + " in it");
}

void TensorStore::add(std::size_t file, std::size_t n) {
  const SafetensorsFile& source = files_[file];
  const StoredTensor& stored = source.tensors()[n];
  Piece piece{file, n, whole_part(stored.shape)};
  std::string name = hugging_face_name(stored.name);
  std::vector<long> shape = stored.shape;
  if (const auto found = source.metadata().find(stored.name); found != source.metadata().end()) {
    const Described described = read_description(source, name, found->second);
    name = described.tensor;
    shape = described.shape;
    if (described.offset.size() != 2) throw Failure(source.path() + ": a bad offset of " + name);
    piece.part.first_row = described.offset[0];
    piece.part.first_column = described.offset[1];
    if (overlap(piece.part, whole_part(shape)) != piece.part) {
      throw Failure(source.path() + ": " + stored.name + " reaches beyond the shape of " + name +
                    ", " + to_text(shape));
    }
  }
  Tensor& tensor = tensors_[name];
  if (!tensor.pieces.empty() && tensor.shape != shape) {
    throw Failure(source.path() + ": " + name + " has shape " + to_text(shape) + "; expected " +
                  to_text(tensor.shape) + ", as in " + files_[tensor.pieces.front().file].path());
  }
  tensor.shape = std::move(shape);
  tensor.pieces.push_back(piece);
}

const TensorStore::Tensor& TensorStore::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found != tensors_.end()) return found->second;
  throw Failure((files_.empty() ? std::string("no files") : files_.front().path()) +
                (files_.size() > 1 ? " and those beside it" : "") + ": there is no tensor " + name);
}

std::vector<std::string> TensorStore::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors_) names.push_back(name);
  return names;
}

const std::vector<long>& TensorStore::shape(const std::string& name) const {
  return at(name).shape;
}

Element TensorStore::element(const std::string& name) const {
  Element widest = Element::kF16;
  for (const Piece& piece : at(name).pieces) {
    widest = std::min(widest, files_[piece.file].tensors()[piece.tensor].element);
  }
  return widest;
}

template <class T>
void TensorStore::read(const std::string& name, const std::vector<long>& shape, const Part& part,
                       T* out) const {
  const Tensor& tensor = at(name);
  if (without_ones(tensor.shape) != without_ones(shape)) {
    throw Failure(files_[tensor.pieces.front().file].path() + ": " + name + " has shape " +
                  to_text(tensor.shape) + "; expected " + to_text(shape));
  }
  std::vector<Part> overlaps;
  for (const Piece& piece : tensor.pieces) {
    const Part common = overlap(piece.part, part);
    if (common.size() == 0) continue;
    overlaps.push_back(common);
    copy(piece, common, part, out);
  }
  check_covered(name, part, overlaps);
}
template void TensorStore::read(const std::string&, const std::vector<long>&, const Part&,
                                float*) const;
template void TensorStore::read(const std::string&, const std::vector<long>&, const Part&,
                                double*) const;

void TensorStore::check_covered(const std::string& name, const Part& part,
                                const std::vector<Part>& overlaps) const {
  long covered = 0;
  for (std::size_t i = 0; i < overlaps.size(); ++i) {
    covered += overlaps[i].size();
    for (std::size_t j = 0; j < i; ++j) {
      if (overlap(overlaps[i], overlaps[j]).size() > 0) {
        throw Failure(files_[at(name).pieces.front().file].path() + ": of " + name +
                      " some elements are there twice; expected once");
      }
    }
  }
  if (covered == part.size()) return;
  throw Failure(files_[at(name).pieces.front().file].path() + ": of " + name + " only " +
                std::to_string(covered) + " of " + std::to_string(part.size()) +
                " elements are there, of rows " + std::to_string(part.first_row) + " to " +
                std::to_string(part.first_row + part.rows));
}

template <class T>
void TensorStore::copy(const Piece& piece, const Part& common, const Part& part, T* out) const {
  const SafetensorsFile& file = files_[piece.file];
  const StoredTensor& stored = file.tensors()[piece.tensor];
  const auto bytes = file.bytes(stored);
  const auto width = static_cast<std::size_t>(bytes_of(stored.element));
  const auto count = static_cast<std::size_t>(common.columns);
  for (long r = common.first_row; r < common.first_row + common.rows; ++r) {
    const long from = (r - piece.part.first_row) * piece.part.columns + common.first_column -
                      piece.part.first_column;
    const long to = (r - part.first_row) * part.columns + common.first_column - part.first_column;
    decode(stored.element, bytes.subspan(static_cast<std::size_t>(from) * width, count * width),
           std::span(out + to, count));
  }
}

}  // namespace tutti::train
