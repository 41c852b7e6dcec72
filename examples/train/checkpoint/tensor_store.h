// Tensors in safetensors files, whole or in slices, of which any part can be read: the shards of a
// model from Hugging Face, or what the ranks of a run on another mesh have saved.
//
// A slice is a tensor of its own in the file; the file's metadata says of what it is a slice:
//
//   "NAME[4:8,0:64]": {"tensor": "NAME", "shape": [8, 64], "offset": [4, 0]}
//
// Tested by train_checkpoint_test.cc.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "train/checkpoint/safetensors.h"
#include "train/tensors.h"

namespace tutti::train {

/// All of a tensor of that shape: sizes after the first count together as columns.
Part whole_part(const std::vector<long>& shape);

/// A part of a tensor of that shape, as it is called and described in a file.
struct SliceName {
  std::string tensor;
  std::vector<long> whole;  // the tensor's shape
  Part part;

  bool is_whole() const { return part == whole_part(whole); }
  std::string key() const;          // the tensor's name, if it is whole
  std::string description() const;  // for the metadata
  std::vector<long> shape() const;  // of the slice
};

class TensorStore {
 public:
  explicit TensorStore(const std::vector<std::string>& files);

  /// Those of a folder: model.safetensors, or the files of model.safetensors.index.json. Tensors
  /// that mamba_ssm calls otherwise than Hugging Face have Hugging Face's names.
  static TensorStore of_model(const std::string& folder);

  std::vector<std::string> names() const;
  bool has(const std::string& name) const { return tensors_.contains(name); }
  /// Of the whole tensor. Fails where there is none of the name.
  const std::vector<long>& shape(const std::string& name) const;
  /// The type that has the most bits of those that its slices are kept in.
  Element element(const std::string& name) const;

  /// A part of a tensor, row by row. Fails where the tensor has another shape (but for sizes of 1
  /// after the first), or where slices leave some of the part out.
  template <class T>
  void read(const std::string& name, const std::vector<long>& shape, const Part& part,
            T* out) const;

 private:
  struct Piece {
    std::size_t file = 0;
    std::size_t tensor = 0;  // of the file's
    Part part;
  };
  struct Tensor {
    std::vector<long> shape;
    std::vector<Piece> pieces;
  };

  void add(std::size_t file, std::size_t tensor);
  const Tensor& at(const std::string& name) const;
  void check_covered(const std::string& name, const Part& part,
                     const std::vector<Part>& overlaps) const;
  template <class T>
  void copy(const Piece& piece, const Part& common, const Part& part, T* out) const;

  std::vector<SafetensorsFile> files_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace tutti::train
