#include "train/tensors.h"

#include <algorithm>

#include "train/failure.h"
#include "train/random.h"

namespace tutti::train {

Part part_of(const TensorRow& row, int tensor_rank, int tensor_ranks) {
  Part part{0, row.rows, 0, row.columns};
  if (row.cut == Cut::kRows) {
    part.rows = (row.rows + tensor_ranks - 1) / tensor_ranks;
    part.first_row = part.rows * tensor_rank;
  }
  if (row.cut == Cut::kColumns) {
    part.columns = row.columns / tensor_ranks;
    part.first_column = part.columns * tensor_rank;
  }
  return part;
}

const Placed& Layout::at(const std::string& name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const Placed& placed) { return placed.row.name == name; });
  if (found == tensors.end()) throw Failure("there is no tensor " + name + " on this rank");
  return *found;
}

Layout lay_out(const std::vector<TensorRow>& rows, int tensor_rank, int tensor_ranks) {
  Layout layout;
  const TensorRow* last = nullptr;
  for (const TensorRow& row : rows) {
    if (last == nullptr || last->layer != row.layer) {
      layout.size = (layout.size + kLayerAlignment - 1) / kLayerAlignment * kLayerAlignment;
    }
    layout.tensors.push_back({row, part_of(row, tensor_rank, tensor_ranks), layout.size});
    layout.size += layout.tensors.back().size();
    last = &row;
  }
  layout.size = (layout.size + kLayerAlignment - 1) / kLayerAlignment * kLayerAlignment;
  return layout;
}

template <class T>
void start_values(const TensorRow& row, const Part& part, std::uint64_t seed, T* values) {
  const RandomStream random(seed, row.tied_to.empty() ? row.name : row.tied_to);
  for (long r = 0; r < part.rows; ++r) {
    for (long c = 0; c < part.columns; ++c) {
      const long at_row = part.first_row + r;
      const long element = at_row * row.columns + part.first_column + c;
      double value = row.scale;
      if (at_row >= row.rows) {
        value = 0;
      } else if (row.start == Start::kNormal) {
        value *= random.normal(static_cast<std::uint64_t>(element));
      }
      values[r * part.columns + c] = static_cast<T>(value);
    }
  }
}
template void start_values(const TensorRow&, const Part&, std::uint64_t, float*);
template void start_values(const TensorRow&, const Part&, std::uint64_t, double*);

}  // namespace tutti::train
