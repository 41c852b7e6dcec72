// One table of tensors: name, shape, how it is cut, where it lies, how it begins. A value, made by
// a function of the model's configuration; everything that handles weights walks it: allocation,
// initial values, sharding, norms of gradients, the optimizer, checkpoints.
//
// Names and shapes are Hugging Face's: [out, in], whole, whatever the mesh.
// Tested by train_tensors_test.cc.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tutti::train {

/// How tensor parallelism divides a tensor: every rank has all of it, or an equal part of its rows
/// or columns. Rows that do not divide are padded: the last ranks' parts reach past the end.
enum class Cut { kWhole, kRows, kColumns };

/// How it begins: normal numbers of standard deviation `scale`, or all `scale`.
enum class Start { kNormal, kConstant };

struct TensorRow {
  std::string name;  // "model.layers.3.mlp.up_proj.weight"
  long rows = 0;
  long columns = 1;  // 1: a vector
  Cut cut = Cut::kWhole;
  int layer = 0;  // of the model; kBeforeLayers, kAfterLayers
  Start start = Start::kNormal;
  double scale = 0;
  bool decays = true;        // weight decay
  bool partial = false;      // whole, but each tensor-parallel rank's gradient is a part of the sum
  std::string tied_to = {};  // the name of the tensor that this is a copy of, on another stage
  bool has_copy = false;     // another stage has one that is tied to this

  static constexpr int kBeforeLayers = -1;  // on the stage of the first layer
  static constexpr int kAfterLayers = -2;   // on the stage of the last one

  long size() const { return rows * columns; }
  /// Whether two stages have it, whose gradients are added.
  bool is_tied() const { return has_copy || !tied_to.empty(); }
  bool operator==(const TensorRow&) const = default;
};

/// The part of a tensor that a rank holds.
struct Part {
  long first_row = 0;
  long rows = 0;  // including padding, so that all ranks have as many
  long first_column = 0;
  long columns = 0;

  long size() const { return rows * columns; }
  bool operator==(const Part&) const = default;
};
Part part_of(const TensorRow& row, int tensor_rank, int tensor_ranks);

/// A tensor of this rank, in its flat arrays of weights, gradients and so on.
struct Placed {
  TensorRow row;
  Part part;
  long offset = 0;  // elements

  long size() const { return part.size(); }
};

/// Tensors one after the other, in the order of the table: those that are multiplied together (q,
/// k, v; gate, up) are neighbours there, and become one matrix. Each layer begins at a multiple of
/// kLayerAlignment elements.
struct Layout {
  std::vector<Placed> tensors;
  long size = 0;  // elements, with padding

  const Placed& at(const std::string& name) const;
};
inline constexpr long kLayerAlignment = 64;
Layout lay_out(const std::vector<TensorRow>& rows, int tensor_rank, int tensor_ranks);

/// Fills this rank's part of a tensor: every element is a function of the seed, the tensor's name
/// and the element's place in the whole, so that the mesh does not matter. Padding becomes 0.
template <class T>
void start_values(const TensorRow& row, const Part& part, std::uint64_t seed, T* values);

}  // namespace tutti::train
