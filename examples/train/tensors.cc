#include "train/tensors.h"

#include <algorithm>
#include <cmath>

#include "train/failure.h"
#include "train/random.h"

namespace tutti::train {
namespace {

// Without the slash and what is after it. Copies are not in files: what they are copies of is.
std::string name_in_files(const TensorRow& row) {
  const std::string& name = row.tied_to.empty() ? row.name : row.tied_to;
  return name.substr(0, name.find('/'));
}

std::vector<long> shape_in_files(const TensorRow& row, long rows) {
  switch (row.form) {
    case Form::kPlain:
      return row.columns == 1 ? std::vector{rows} : std::vector{rows, row.columns};
    case Form::kMatrix:
      return {rows, row.columns};
    case Form::kDepthwise:
      return {rows, 1, row.columns};
  }
  return {};
}

// x where softplus(x) is a step between low and high, uniform by its logarithm.
double time_step_bias(const StartRange& range, double uniform) {
  const double low = std::log(range.low);
  const double step = std::exp(low + uniform * (std::log(range.high) - low));
  const double raised = std::max(step, range.floor);
  return raised + std::log(-std::expm1(-raised));
}

double start_value(const TensorRow& row, const RandomStream& random, long at_row, long column) {
  const auto element = static_cast<std::uint64_t>(at_row * row.columns + column);
  switch (row.start) {
    case Start::kNormal:
      return row.scale * random.normal(element);
    case Start::kConstant:
      return row.scale;
    case Start::kUniform:
      return row.scale * (2 * random.uniform(element) - 1);
    case Start::kLogColumn:
      return std::log(static_cast<double>(column + 1));
    case Start::kLogUniform:
      return std::log(row.range.low + random.uniform(element) * (row.range.high - row.range.low));
    case Start::kTimeStep:
      return time_step_bias(row.range, random.uniform(element));
  }
  return 0;
}

}  // namespace

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

std::vector<InFiles> in_files(const std::vector<TensorRow>& rows) {
  std::vector<InFiles> files;
  for (std::size_t first = 0, end = 0; first < rows.size(); first = end) {
    const std::string name = name_in_files(rows[first]);
    long height = 0;
    for (; end < rows.size() && name_in_files(rows[end]) == name; ++end) {
      files.push_back({name, {}, height});
      height += rows[end].rows;
    }
    for (std::size_t i = first; i < end; ++i) files[i].shape = shape_in_files(rows[i], height);
  }
  return files;
}

Layout lay_out(const std::vector<TensorRow>& rows, int tensor_rank, int tensor_ranks) {
  Layout layout;
  const std::vector<InFiles> files = in_files(rows);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 0 || rows[i - 1].layer != rows[i].layer) {
      layout.size = (layout.size + kLayerAlignment - 1) / kLayerAlignment * kLayerAlignment;
    }
    layout.tensors.push_back({rows[i], part_of(rows[i], tensor_rank, tensor_ranks), layout.size,
                              files[i], layout.exact_size});
    layout.size += layout.tensors.back().size();
    if (rows[i].exact) layout.exact_size += layout.tensors.back().size();
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
      const bool padding = at_row >= row.rows;
      values[r * part.columns + c] =
          static_cast<T>(padding ? 0 : start_value(row, random, at_row, part.first_column + c));
    }
  }
}
template void start_values(const TensorRow&, const Part&, std::uint64_t, float*);
template void start_values(const TensorRow&, const Part&, std::uint64_t, double*);

}  // namespace tutti::train
