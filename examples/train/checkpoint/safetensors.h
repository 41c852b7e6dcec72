// safetensors: named tensors in a file, as Hugging Face's models are kept.
//
//   8 bytes   length of the header, little-endian
//   header    JSON: {"__metadata__": {text: text}, "NAME": {"dtype", "shape", "data_offsets"}, …}
//   data      tensors, row by row; offsets count from here, and cover all of it, each byte once
//
// Format: github.com/huggingface/safetensors, README. Tested by train_safetensors_test.cc.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "train/checkpoint/disk.h"
#include "train/checkpoint/element.h"
#include "train/data/mapped_file.h"

namespace tutti::train {

struct StoredTensor {
  std::string name;
  Element element = Element::kF32;
  std::vector<long> shape;
  std::uint64_t begin = 0;  // of its bytes, in the data
  std::uint64_t end = 0;

  bool operator==(const StoredTensor&) const = default;
};

class SafetensorsFile {
 public:
  /// Reads the header. Fails with file, place, value and what was expected: a header of more than
  /// 100 MB, tensors that overlap, leave a gap or reach past the end, sizes that are not those of
  /// the shapes, names given twice, types that are not numbers with a point.
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return file_.path(); }
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// `tensor`'s bytes.
  std::span<const std::byte> bytes(const StoredTensor& tensor) const {
    return file_.bytes().subspan(data_ + tensor.begin, tensor.end - tensor.begin);
  }

 private:
  MappedFile file_;
  std::uint64_t data_ = 0;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// The tensors one after the other, `begin` and `end` set here: the first bytes of a file, padded
/// with spaces so that the data begins at a multiple of 64 bytes.
std::string safetensors_header(std::vector<StoredTensor>& tensors,
                               const std::map<std::string, std::string>& metadata);

}  // namespace tutti::train
