#include "train/checkpoint/slices.h"

#include <algorithm>

namespace tutti::train {
namespace {

// Elements begin … end-1 of a tensor's part.
class RunOfTensor {
 public:
  RunOfTensor(const Layout& layout, std::size_t tensor, std::vector<Slice>& slices)
      : tensor_(tensor), placed_(layout.tensors[tensor]), slices_(slices) {}

  void cut(long begin, long end) {
    const long columns = placed_.part.columns;
    if (begin >= end) return;
    if (begin % columns != 0) {
      const long stop = std::min(end, (begin / columns + 1) * columns);
      add(begin, 1, stop - begin);
      begin = stop;
    }
    if (const long rows = (end - begin) / columns; rows > 0) {
      add(begin, rows, columns);
      begin += rows * columns;
    }
    if (begin < end) add(begin, 1, end - begin);
  }

 private:
  void add(long begin, long rows, long columns) {
    const Part& part = placed_.part;
    const long first_row = part.first_row + begin / part.columns;
    rows = std::min(rows, placed_.row.rows - first_row);  // the rest is padding
    if (rows <= 0) return;
    const long first_column = part.first_column + begin % part.columns;
    slices_.push_back({tensor_, {first_row, rows, first_column, columns}, placed_.offset + begin});
  }

  const std::size_t tensor_;
  const Placed& placed_;
  std::vector<Slice>& slices_;
};

}  // namespace

std::vector<Slice> slices_of(const Layout& layout, const Shard& shard) {
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < layout.tensors.size(); ++i) {
    const Placed& placed = layout.tensors[i];
    RunOfTensor(layout, i, slices)
        .cut(std::max(shard.begin - placed.offset, 0L),
             std::min(shard.end - placed.offset, placed.size()));
  }
  return slices;
}

Part part_in_file(const Layout& layout, const Slice& slice) {
  Part part = slice.part;
  part.first_row += layout.tensors[slice.tensor].file.first_row;
  return part;
}

Part overlap(const Part& a, const Part& b) {
  const long first_row = std::max(a.first_row, b.first_row);
  const long first_column = std::max(a.first_column, b.first_column);
  const long rows = std::min(a.first_row + a.rows, b.first_row + b.rows) - first_row;
  const long columns =
      std::min(a.first_column + a.columns, b.first_column + b.columns) - first_column;
  return {first_row, std::max(rows, 0L), first_column, std::max(columns, 0L)};
}

}  // namespace tutti::train
