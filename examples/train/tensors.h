// One table of tensors: name, shape, how it is cut, where it lies, how it begins. A value, made by
// a function of the model's configuration; everything that handles weights walks it: allocation,
// initial values, sharding, norms of gradients, the optimizer, checkpoints.
//
// Names and shapes are Hugging Face's: [out, in], whole, whatever the mesh. A tensor that files
// have packed, because what it is multiplied with is the same, is several neighbouring rows of the
// table, each cut by itself: "mixer.in_proj.weight/z", "mixer.in_proj.weight/x" are
// "mixer.in_proj.weight", whose rows are theirs, one after the other in the order of the table.
//
// Tested by train_tensors_test.cc.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tutti::train {

/// How tensor parallelism divides a tensor: every rank has all of it, or an equal part of its rows
/// or columns. Rows that do not divide are padded: the last ranks' parts reach past the end.
enum class Cut { kWhole, kRows, kColumns };

/// Its shape in files: [rows] where there is one column, else [rows, columns]; [rows, columns] even
/// then; [rows, 1, columns], as PyTorch keeps depthwise convolutions.
enum class Form { kPlain, kMatrix, kDepthwise };

/// How it begins.
enum class Start {
  kNormal,      // of standard deviation `scale`
  kConstant,    // all `scale`
  kUniform,     // in ±scale
  kLogColumn,   // the logarithm of the column's number, from 1: A_log of Mamba-1
  kLogUniform,  // logarithms of uniform numbers in `range`: A_log of Mamba-2
  kTimeStep,    // what softplus makes log-uniform numbers in `range` of: biases of time steps
};

/// Of numbers to begin with; those of kTimeStep that are below `floor` are raised to it.
struct StartRange {
  double low = 0;
  double high = 0;
  double floor = 0;

  bool operator==(const StartRange&) const = default;
};

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
  StartRange range = {};     // of kLogUniform and kTimeStep
  Form form = Form::kPlain;
  bool exact = false;  // computed with as it is, though others are rounded

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

/// The tensor of files that a row of the table is, or is some rows of.
struct InFiles {
  std::string name;
  std::vector<long> shape;
  long first_row = 0;  // of the table's row, in the tensor

  bool operator==(const InFiles&) const = default;
};
/// One for each row. REQUIRES: all rows of a packed tensor, as neighbours with as many columns.
std::vector<InFiles> in_files(const std::vector<TensorRow>& rows);

/// A tensor of this rank, in its flat arrays of weights, gradients and so on.
struct Placed {
  TensorRow row;
  Part part;
  long offset = 0;  // elements
  InFiles file;
  long exact_offset = 0;  // where row.exact: among all such

  long size() const { return part.size(); }
};

/// Tensors one after the other, in the order of the table: those that are multiplied together (q,
/// k, v; gate, up) are neighbours there, and become one matrix. Each layer begins at a multiple of
/// kLayerAlignment elements.
struct Layout {
  std::vector<Placed> tensors;
  long size = 0;        // elements, with padding
  long exact_size = 0;  // of exact tensors, one after the other without any

  const Placed& at(const std::string& name) const;
};
inline constexpr long kLayerAlignment = 64;
Layout lay_out(const std::vector<TensorRow>& rows, int tensor_rank, int tensor_ranks);

/// Fills this rank's part of a tensor: every element is a function of the seed, the tensor's name
/// and the element's place in the whole, so that the mesh does not matter. Padding becomes 0.
template <class T>
void start_values(const TensorRow& row, const Part& part, std::uint64_t seed, T* values);

}  // namespace tutti::train
