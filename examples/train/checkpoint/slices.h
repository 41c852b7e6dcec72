// Which parts of whole tensors a run of elements of a layout is: what checkpoints are made of. A
// value, made by a pure function.
//
// Elements of a tensor's part lie row by row; so a run of them is the end of a row, rows, and the
// beginning of a row. Padding belongs to none.
//
// Tested by train_checkpoint_test.cc.

#pragma once

#include <string>
#include <vector>

#include "train/data_parallel.h"
#include "train/tensors.h"

namespace tutti::train {

/// A rectangle of a tensor, which lies in one piece in the layout.
struct Slice {
  std::size_t tensor = 0;  // in Layout::tensors
  Part part;               // of the whole row of the table; no padding
  long offset = 0;         // in the layout

  long size() const { return part.size(); }
  bool operator==(const Slice&) const = default;
};

/// Where it is in the tensor of files, which may be a packed one.
Part part_in_file(const Layout& layout, const Slice& slice);

std::vector<Slice> slices_of(const Layout& layout, const Shard& shard);

/// What two parts of a tensor have in common; of size 0 if nothing.
Part overlap(const Part& a, const Part& b);

}  // namespace tutti::train
